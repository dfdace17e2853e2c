#pragma once

#include <c10/core/MemoryFormat.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "composer/nn/layer_sequence.h"
#include "composer/nn/slot.h"
#include "models/classifier.h"

namespace composer {

struct ResNetOptions {
  /// Residual blocks of each stage. From the second stage on, the first block halves height and
  /// width and doubles the channels.
  std::vector<int64_t> blocks = {2, 2, 2, 2};
  /// Blocks of a 1x1, a 3x3 and a 1x1 convolution with four times the channels, instead of two 3x3.
  bool bottleneck = false;
  /// Begins with a 7x7 convolution and a max pooling that quarter the image, instead of a 3x3
  /// convolution that keeps it.
  bool large_images = true;
  int64_t in_channels = 3;
  /// Channels of the first stage.
  int64_t width = 64;
  int64_t num_classes = 1000;
  /// Each block's last norm begins at 0, so that the block begins as its shortcut.
  bool zero_init_residual = false;
  /// Of weights and activations. Inputs may come in any.
  at::MemoryFormat memory_format = at::MemoryFormat::ChannelsLast;
};

/// The settings of the networks that are known by their depth: 18, 34, 50, 101 and 152 for
/// ImageNet; 20, 32, 44, 56 and 110 for CIFAR (three stages from 16 channels, 10 classes). Throws a
/// ValueError for another depth.
ResNetOptions resnet_of_depth(int64_t depth);

/// A residual network (He et al., 2015, arXiv:1512.03385) as torchvision computes it, the stride in
/// a bottleneck's 3x3 convolution included. Those for CIFAR have torchvision's blocks as well, with
/// a 1x1 convolution where a shortcut changes its shape, as in Composer.
///
/// Parameters and buffers are called as in torchvision ("conv1.weight",
/// "layer2.0.downsample.1.running_mean", "fc.bias") and start as there.
class ResNet final : public Classifier, public SlotOwner {
 public:
  explicit ResNet(const ResNetOptions& options = {});

  /// [batch, classes] of images [batch, channels, height, width].
  at::Tensor logits(const at::Tensor& input) override;

 private:
  void initialise(bool zero_init_residual);

  const at::MemoryFormat memory_format_;
  Slot<Layer> conv1_;
  Slot<Layer> bn1_;
  std::unique_ptr<Slot<Layer>> maxpool_;
  std::vector<std::shared_ptr<LayerSequence>> stages_;
  std::unique_ptr<Slot<Layer>> fc_;
};

}  // namespace composer
