#pragma once

#include <c10/core/MemoryFormat.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "composer/nn/layer_sequence.h"
#include "composer/nn/slot.h"
#include "models/classifier.h"

namespace composer {

struct CnnOptions {
  int64_t in_channels = 1;
  /// Output channels of the blocks.
  std::vector<int64_t> channels = {32, 64, 128};
  int64_t num_classes = 10;
  /// Of weights and activations. Inputs may come in any.
  at::MemoryFormat memory_format = at::MemoryFormat::ChannelsLast;
};

/// A small convolutional classifier of images [batch, channels, height, width]: blocks of 3x3
/// convolution, batch norm, ReLU and 2x2 max pooling, then global average pooling and a linear
/// layer. Each block halves height and width, so they must be at least 2 to the number of blocks.
///
/// Parameters are called "blocks.0.conv.weight", "blocks.0.norm.weight", ..., "head.weight" and
/// start as PyTorch's do.
class Cnn final : public Classifier, public SlotOwner {
 public:
  explicit Cnn(const CnnOptions& options = {});

  at::Tensor logits(const at::Tensor& input) override;

 private:
  const at::MemoryFormat memory_format_;
  std::shared_ptr<LayerSequence> blocks_;
  Slot<Layer> head_;
};

}  // namespace composer
