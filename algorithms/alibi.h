#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"
#include "composer/core/optimizer.h"
#include "composer/core/tensor_dict.h"

namespace composer {

namespace config {
class Alibi;
}

/// How steeply each head's scores fall with distance, float [num_heads]: 2^(-8 i / num_heads) for
/// i = 1, 2, ... where num_heads is a power of two; else the slopes of the power of two below it,
/// then every second one of those of twice that.
at::Tensor alibi_slopes(int64_t num_heads);

/// Gives each SelfAttention of `model` that has none linear biases with these slopes, causal or
/// bidirectional as it is, and puts in the place of learnt position embeddings (LearntPositions)
/// ones of `max_sequence_length` positions that are zero and stay so. Returns how many attention
/// layers were changed; where it is none, nothing is.
int64_t apply_alibi(torch::nn::Module& model, int64_t max_sequence_length,
                    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// `batch` with sequences `scaling` times as long and 1 / `scaling` times as many of them, of the
/// same tokens in the same order. All tensors have the sequences and tokens of `input_ids`, [N, L],
/// as their first two dimensions; those without a dimension stay. Throws a ValueError for sequences
/// that cannot be cut so.
Batch scale_sequence_length(const Batch& batch, double scaling);

struct AlibiOptions {
  /// Of the longest sequence, in training or evaluation, that the model is to accept.
  int64_t max_sequence_length = 0;
  /// See scale_sequence_length; 1 leaves batches as they are.
  double train_sequence_length_scaling = 0.25;
};

/// Tells a transformer where tokens are by how far they are from each other: scores of attention
/// fall linearly with distance, and nothing is learnt of positions. Such a model goes on to work on
/// sequences longer than those of training, so that it can be trained on short, cheap ones (Press
/// et al., 2021, arXiv:2108.12409).
///
/// At init the model is changed, for good: no parameter changes its name, but position embeddings
/// become [max_sequence_length, width]. after_dataloader replaces the batch; what follows, the
/// clock included, sees nothing else. A model without such attention is warned of, and its batches
/// stay as they are.
///
/// Differs from Composer: causal biases are -slope * distance, as bidirectional ones; Composer's
/// add slope * query position to that, which softmax takes away again. Any model built of
/// SelfAttention will do. Sequences that cannot be cut evenly, and tensors that are not [N, L,
/// ...], are refused by name.
class Alibi final : public Algorithm {
 public:
  using Config = config::Alibi;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without such attention is an error instead of a warning.
  explicit Alibi(AlibiOptions options, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  void change_model(State& state);

  const AlibiOptions options_;
  const bool must_match_;
  // Whether the model has linear biases.
  bool applied_ = false;
};

}  // namespace composer
