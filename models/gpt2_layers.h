#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "composer/nn/layer.h"
#include "composer/nn/learnt_positions.h"
#include "composer/nn/masked_layer.h"
#include "composer/nn/self_attention.h"
#include "composer/nn/slot.h"
#include "models/activation.h"

namespace composer {

/// Hugging Face's GPT2Config, with its defaults.
struct Gpt2Options {
  int64_t vocab_size = 50257;
  /// Of the longest sequence.
  int64_t n_positions = 1024;
  int64_t n_embd = 768;
  int64_t n_layer = 12;
  int64_t n_head = 12;
  /// Width of the feed-forward part; 0 for four times `n_embd`.
  int64_t n_inner = 0;
  Activation activation = Activation::kGeluNew;
  /// Dropout of what each block adds, of the embeddings, and of attention's probabilities.
  double resid_pdrop = 0.1;
  double embd_pdrop = 0.1;
  double attn_pdrop = 0.1;
  double layer_norm_epsilon = 1e-5;
  /// Standard deviation of weights in the beginning.
  double initializer_range = 0.02;
  /// The output layer has the weights of the word embedding.
  bool tie_word_embeddings = true;
};

/// "attn" of a block: queries, keys and values by one projection, causal.
class Gpt2Attention final : public SelfAttention {
 public:
  explicit Gpt2Attention(const Gpt2Options& options);

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override;

 private:
  Slot<Layer> c_attn_;
  Slot<Layer> c_proj_;
  Slot<Layer> resid_dropout_;
};

/// "mlp" of a block.
class Gpt2FeedForward final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  explicit Gpt2FeedForward(const Gpt2Options& options);

  at::Tensor forward(const at::Tensor& input) override;

 private:
  Slot<Layer> c_fc_;
  Slot<Layer> act_;
  Slot<Layer> c_proj_;
  Slot<Layer> dropout_;
};

/// Attention and a feed-forward part, each after a norm and added to what comes in.
class Gpt2Block final : public torch::nn::Module, public SlotOwner, public MaskedLayer {
 public:
  explicit Gpt2Block(const Gpt2Options& options);

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override;

 private:
  Slot<Layer> ln_1_;
  Slot<MaskedLayer> attn_;
  Slot<Layer> ln_2_;
  Slot<Layer> mlp_;
};

/// "transformer": all but the output layer.
class Gpt2Transformer final : public torch::nn::Module, public SlotOwner, public LearntPositions {
 public:
  explicit Gpt2Transformer(const Gpt2Options& options);

  /// Hidden states [batch, sequence, n_embd] of tokens [batch, sequence]. `attention_mask`: 0 for
  /// padding, of the tokens' shape, or undefined.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& attention_mask);

  /// Of the word embedding, [vocab_size, n_embd].
  const at::Tensor& word_weight() const { return word_weight_; }

  Slot<Layer>& position_embedding() override { return wpe_; }

 private:
  Slot<Layer> wte_;
  Slot<Layer> wpe_;
  Slot<Layer> drop_;
  std::shared_ptr<MaskedLayerSequence> h_;
  Slot<Layer> ln_f_;
  const at::Tensor word_weight_;
};

}  // namespace composer
