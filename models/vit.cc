#include "models/vit.h"

#include <ATen/ATen.h>
#include <torch/nn/init.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/normalization.h>

#include <cmath>
#include <vector>

#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/nn/linear.h"
#include "composer/nn/self_attention.h"
#include "models/activation.h"
#include "models/checks.h"
#include "proto/model.pb.h"

namespace composer {
namespace {

auto norm(const VitOptions& options) {
  return make_layer<torch::nn::LayerNormImpl>(
      torch::nn::LayerNormOptions({options.embed_dim}).eps(1e-6));
}

// [batch, patches, width] of images.
class PatchEmbed final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  explicit PatchEmbed(const VitOptions& options)
      : proj_(
            *this, "proj",
            make_layer<torch::nn::Conv2dImpl>(
                torch::nn::Conv2dOptions(options.in_channels, options.embed_dim, options.patch_size)
                    .stride(options.patch_size))) {}

  at::Tensor forward(const at::Tensor& images) override {
    return proj_->forward(images).flatten(2).transpose(1, 2);
  }

 private:
  Slot<Layer> proj_;
};

class Attention final : public SelfAttention, public Layer {
 public:
  explicit Attention(const VitOptions& options)
      : SelfAttention({.num_heads = options.num_heads,
                       .dropout = options.attn_drop_rate,
                       .dropout_name = "attn_drop"}),
        qkv_(*this, "qkv", make_layer<LinearImpl>(options.embed_dim, 3 * options.embed_dim)),
        proj_(*this, "proj", make_layer<LinearImpl>(options.embed_dim, options.embed_dim)),
        proj_drop_(*this, "proj_drop", make_layer<torch::nn::DropoutImpl>(options.proj_drop_rate)) {
  }

  at::Tensor forward(const at::Tensor& input) override { return forward(input, {}); }

  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override {
    const std::vector<at::Tensor> parts = qkv_->forward(input).split(input.size(2), 2);
    return proj_drop_->forward(proj_->forward(attend(parts[0], parts[1], parts[2], mask)));
  }

 private:
  Slot<Layer> qkv_;
  Slot<Layer> proj_;
  Slot<Layer> proj_drop_;
};

class FeedForward final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  FeedForward(const VitOptions& options, int64_t inner)
      : fc1_(*this, "fc1", make_layer<LinearImpl>(options.embed_dim, inner)),
        act_(*this, "act", make_activation(Activation::kGelu)),
        drop1_(*this, "drop1", make_layer<torch::nn::DropoutImpl>(options.proj_drop_rate)),
        fc2_(*this, "fc2", make_layer<LinearImpl>(inner, options.embed_dim)),
        drop2_(*this, "drop2", make_layer<torch::nn::DropoutImpl>(options.proj_drop_rate)) {}

  at::Tensor forward(const at::Tensor& input) override {
    const at::Tensor hidden = drop1_->forward(act_->forward(fc1_->forward(input)));
    return drop2_->forward(fc2_->forward(hidden));
  }

 private:
  Slot<Layer> fc1_;
  Slot<Layer> act_;
  Slot<Layer> drop1_;
  Slot<Layer> fc2_;
  Slot<Layer> drop2_;
};

class Block final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  explicit Block(const VitOptions& options)
      : norm1_(*this, "norm1", norm(options)),
        attn_(*this, "attn", std::make_shared<Attention>(options)),
        norm2_(*this, "norm2", norm(options)),
        mlp_(*this, "mlp",
             std::make_shared<FeedForward>(
                 options, static_cast<int64_t>(static_cast<double>(options.embed_dim) *
                                               options.mlp_ratio))) {}

  at::Tensor forward(const at::Tensor& input) override {
    const at::Tensor attended = input + attn_->forward(norm1_->forward(input));
    return attended + mlp_->forward(norm2_->forward(attended));
  }

 private:
  Slot<Layer> norm1_;
  Slot<Layer> attn_;
  Slot<Layer> norm2_;
  Slot<Layer> mlp_;
};

// With the class token.
int64_t count_tokens(const VitOptions& options) {
  TORCH_CHECK_VALUE(options.patch_size > 0 && options.image_size % options.patch_size == 0,
                    "image_size, ", options.image_size, ", must be a multiple of patch_size, ",
                    options.patch_size);
  TORCH_CHECK_VALUE(options.num_heads > 0 && options.embed_dim % options.num_heads == 0,
                    "embed_dim, ", options.embed_dim, ", must be a multiple of num_heads, ",
                    options.num_heads);
  const int64_t side = options.image_size / options.patch_size;
  return side * side + 1;
}

}  // namespace

Vit::Vit(const VitOptions& options)
    : Classifier(options.num_classes),
      image_size_(options.image_size),
      cls_token_(register_parameter("cls_token", at::zeros({1, 1, options.embed_dim}))),
      pos_embed_(register_parameter("pos_embed",
                                    at::zeros({1, count_tokens(options), options.embed_dim}))),
      patch_embed_(*this, "patch_embed", std::make_shared<PatchEmbed>(options)),
      pos_drop_(*this, "pos_drop", make_layer<torch::nn::DropoutImpl>(options.pos_drop_rate)),
      blocks_(register_module("blocks", std::make_shared<LayerSequence>())),
      norm_(*this, "norm", norm(options)),
      head_drop_(*this, "head_drop", make_layer<torch::nn::DropoutImpl>(options.drop_rate)),
      head_(*this, "head", make_layer<LinearImpl>(options.embed_dim, options.num_classes)) {
  for (int64_t i = 0; i < options.depth; ++i) blocks_->push_back(std::make_shared<Block>(options));
  initialise();
}

void Vit::initialise() {
  constexpr double kDeviation = 0.02;
  for (auto& item : named_parameters()) {
    if (absl::StartsWith(item.key(), "patch_embed.")) continue;
    if (absl::EndsWith(item.key(), "bias")) torch::nn::init::zeros_(item.value());
    if (item.value().dim() == 2) torch::nn::init::normal_(item.value(), 0, kDeviation);
  }
  torch::nn::init::normal_(pos_embed_, 0, kDeviation);
  torch::nn::init::normal_(cls_token_, 0, 1e-6);
}

at::Tensor Vit::logits(const at::Tensor& input) {
  TORCH_CHECK_VALUE(
      input.dim() == 4 && input.size(2) == image_size_ && input.size(3) == image_size_,
      "this vision transformer takes images [batch, channels, ", image_size_, ", ", image_size_,
      "], not ", input.sizes());
  const at::Tensor patches = patch_embed_->forward(input);
  const at::Tensor tokens =
      at::cat({cls_token_.expand({patches.size(0), -1, -1}), patches}, 1) + pos_embed_;
  const at::Tensor hidden = norm_->forward(blocks_->forward(pos_drop_->forward(tokens)));
  return head_->forward(head_drop_->forward(hidden.select(1, 0)));
}

namespace {

struct ConfiguredVit {
  using Config = config::Vit;

  static absl::StatusOr<std::shared_ptr<ComposerModel>> create(const Config& config) {
    const VitOptions options = {.image_size = config.image_size(),
                                .patch_size = config.patch_size(),
                                .in_channels = config.in_channels(),
                                .num_classes = config.num_classes(),
                                .embed_dim = config.embed_dim(),
                                .depth = config.depth(),
                                .num_heads = config.num_heads(),
                                .mlp_ratio = config.mlp_ratio(),
                                .drop_rate = config.drop_rate(),
                                .pos_drop_rate = config.pos_drop_rate(),
                                .proj_drop_rate = config.proj_drop_rate(),
                                .attn_drop_rate = config.attn_drop_rate()};
    COMPOSER_RETURN_IF_ERROR(
        check_multiple("image_size", options.image_size, "patch_size", options.patch_size));
    COMPOSER_RETURN_IF_ERROR(check_positive("in_channels", options.in_channels));
    COMPOSER_RETURN_IF_ERROR(check_positive("num_classes", options.num_classes));
    COMPOSER_RETURN_IF_ERROR(check_positive("depth", options.depth));
    COMPOSER_RETURN_IF_ERROR(
        check_multiple("embed_dim", options.embed_dim, "num_heads", options.num_heads));
    return std::make_shared<Vit>(options);
  }
};

COMPOSER_REGISTER(ComposerModel, ConfiguredVit);

}  // namespace
}  // namespace composer
