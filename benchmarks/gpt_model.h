#pragma once

#include <cstdint>
#include <memory>

#include "composer/core/model.h"
#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "composer/nn/slot.h"

namespace composer::benchmarks {

struct GptOptions {
  int64_t vocabulary = 256;
  /// Of the longest sequence.
  int64_t positions = 128;
  int64_t width = 128;
  int64_t layers = 4;
  int64_t heads = 4;
};

/// A GPT with learnt positions, norms before attention and before the feed-forward layer (four
/// times as wide, GELU), no dropout, and an output layer of its own without bias.
///
/// Batch: `input_ids` and `labels`, both [batch, sequence]. Outputs: `logits` [batch, sequence,
/// vocabulary]. The loss is the mean cross entropy over all labels.
///
/// Parameters are called and computed with as those of the class of the same name in
/// gpt_step_pytorch.py: "tok.weight", "blocks.0.qkv.weight", ... Each block is a Layer in a slot.
class Gpt final : public ComposerModel, public SlotOwner {
 public:
  explicit Gpt(const GptOptions& options = {});

  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;

 private:
  Slot<Layer> tok_;
  Slot<Layer> pos_;
  std::shared_ptr<LayerSequence> blocks_;
  Slot<Layer> ln_;
  Slot<Layer> head_;
};

/// Random tokens and the ones after them, `batch_size` sequences of full length in each batch.
std::vector<Batch> random_tokens(const GptOptions& options, int64_t batches, int64_t batch_size);

}  // namespace composer::benchmarks
