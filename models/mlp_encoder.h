#pragma once

#include <cstdint>

#include "composer/core/model.h"
#include "composer/nn/layer.h"
#include "composer/nn/slot.h"

namespace composer {

struct MLPEncoderOptions {
  /// Size of the vocabulary.
  int64_t input_dim = 768;
  int64_t hidden_dim = 128;
  int64_t output_dim = 10;
};

/// Oumi's simple text encoder: an embedding, a hidden layer with ReLU, an output layer, for each
/// token by itself.
///
/// Batch: `input_ids` [batch, sequence] and `labels` of the same shape, where -1 is ignored.
/// Outputs: `logits` [batch, sequence, output_dim]. The loss is the mean over all labels that are
/// not ignored; metrics count labels, not sequences.
///
/// Parameters are called as in Oumi: "embedding.weight", "fc1.weight", "fc2.weight", ...
class MLPEncoder final : public ComposerModel, public SlotOwner {
 public:
  explicit MLPEncoder(const MLPEncoderOptions& options = {});

  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  int64_t num_loss_tokens(const Batch& batch) const override;
  /// The mean over a sequence's labels that are not ignored; 0 when all are.
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override;
  bool has_per_sample_loss() const override { return true; }
  MetricCollection metrics(bool is_train) const override;
  void update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) override;

 private:
  Slot<Layer> embedding_;
  Slot<Layer> fc1_;
  Slot<Layer> relu_;
  Slot<Layer> fc2_;
};

}  // namespace composer
