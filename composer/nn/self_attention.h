#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>

#include "composer/nn/layer.h"
#include "composer/nn/linear_biases.h"
#include "composer/nn/masked_layer.h"
#include "composer/nn/slot.h"

namespace composer {

/// Which keys each query may look at, for MaskedLayer: bool [batch, 1, 1, sequence], or [batch, 1,
/// sequence, sequence] where it is `causal` (then only keys up to the query). `tokens`: [batch,
/// sequence], 0 for padding, as Hugging Face's `attention_mask`; undefined where there is none,
/// and so is the result. Attention without a mask is faster: leave it out where nothing is padded.
at::Tensor attention_mask(const at::Tensor& tokens, bool causal);

struct SelfAttentionOptions {
  int64_t num_heads = 1;
  /// A query looks only at keys up to itself.
  bool causal = false;
  /// Of attention's probabilities.
  double dropout = 0;
  /// The child that drops them out.
  std::string dropout_name = "dropout";
};

/// Attention with several heads (Vaswani et al., 2017, arXiv:1706.03762) of a sequence to itself,
/// by ATen's fused kernels. Subclasses have the projections, and call `attend` in between.
///
/// The dropout of probabilities sits in a slot. While a plain torch::nn::Dropout is there,
/// attention is fused and draws by itself; with another layer it is computed step by step, and the
/// layer is given the probabilities [batch, heads, queries, keys].
class SelfAttention : public torch::nn::Module, public SlotOwner, public MaskedLayer {
 public:
  int64_t num_heads() const { return num_heads_; }
  bool is_causal() const { return causal_; }

  /// From now on these are added to the scores; null: none, as in the beginning. Throws a
  /// ValueError when there is not a slope for each head.
  void set_linear_biases(std::shared_ptr<LinearBiases> biases);
  const std::shared_ptr<LinearBiases>& linear_biases() const { return biases_; }

 protected:
  explicit SelfAttention(const SelfAttentionOptions& options);

  /// What each position gathers, [batch, sequence, width], of queries, keys and values of that
  /// shape, whose rows may be part of larger ones.
  at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                    const at::Tensor& mask);

 private:
  const int64_t num_heads_;
  const bool causal_;
  Slot<Layer> dropout_;
  std::shared_ptr<LinearBiases> biases_;
};

}  // namespace composer
