#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "composer/nn/slot.h"
#include "models/classifier.h"

namespace composer {

/// timm's VisionTransformer, with its defaults: ViT-B/16.
struct VitOptions {
  /// Height and width of images; a multiple of `patch_size`.
  int64_t image_size = 224;
  int64_t patch_size = 16;
  int64_t in_channels = 3;
  int64_t num_classes = 1000;
  int64_t embed_dim = 768;
  int64_t depth = 12;
  int64_t num_heads = 12;
  /// Width of the feed-forward part, in multiples of `embed_dim`.
  double mlp_ratio = 4;
  /// Dropout before the head, of the embeddings, of what each block's layers give, and of
  /// attention's probabilities.
  double drop_rate = 0;
  double pos_drop_rate = 0;
  double proj_drop_rate = 0;
  double attn_drop_rate = 0;
};

/// A vision transformer (Dosovitskiy et al., 2020, arXiv:2010.11929) as timm computes it: norms
/// before attention and the feed-forward part, and a class token that is classified in the end.
///
/// Parameters are called as in timm ("patch_embed.proj.weight", "cls_token", "pos_embed",
/// "blocks.0.attn.qkv.weight", "head.bias") and start as there: of linear layers and positions
/// normal with deviation 0.02 (timm cuts it off at +-2, which is nowhere), the class token with
/// 1e-6, biases 0, the convolution as PyTorch's.
class Vit final : public Classifier, public SlotOwner {
 public:
  /// Throws a ValueError when num_heads does not divide embed_dim or patch_size image_size.
  explicit Vit(const VitOptions& options = {});

  /// [batch, classes] of images [batch, in_channels, image_size, image_size].
  at::Tensor logits(const at::Tensor& input) override;

 private:
  void initialise();

  const int64_t image_size_;
  const at::Tensor cls_token_;
  const at::Tensor pos_embed_;
  Slot<Layer> patch_embed_;
  Slot<Layer> pos_drop_;
  std::shared_ptr<LayerSequence> blocks_;
  Slot<Layer> norm_;
  Slot<Layer> head_drop_;
  Slot<Layer> head_;
};

}  // namespace composer
