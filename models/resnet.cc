#include "models/resnet.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/pooling.h>

#include <map>
#include <optional>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/nn/linear.h"
#include "composer/nn/memory_format.h"
#include "composer/nn/residual_block.h"
#include "models/checks.h"
#include "proto/model.pb.h"

namespace composer {
namespace {

using BatchNorm = LayerOf<torch::nn::BatchNorm2dImpl>;

std::shared_ptr<LayerOf<torch::nn::Conv2dImpl>> conv(int64_t in_channels, int64_t channels,
                                                     int64_t size, int64_t stride = 1) {
  return make_layer<torch::nn::Conv2dImpl>(torch::nn::Conv2dOptions(in_channels, channels, size)
                                               .stride(stride)
                                               .padding(size / 2)
                                               .bias(false));
}

class Block : public ResidualBlock {
 public:
  at::Tensor shortcut(const at::Tensor& input) final {
    return downsample_ ? (*downsample_)->forward(input) : input;
  }

  virtual at::Tensor& last_scale() = 0;

 protected:
  // Called last, so that it is the last child as in torchvision.
  void add_shortcut(int64_t in_channels, int64_t channels, int64_t stride) {
    if (stride == 1 && in_channels == channels) return;
    const auto layers = std::make_shared<LayerSequence>();
    layers->push_back(conv(in_channels, channels, 1, stride));
    layers->push_back(make_layer<torch::nn::BatchNorm2dImpl>(channels));
    downsample_ = std::make_unique<Slot<Layer>>(*this, "downsample", layers);
  }

 private:
  std::unique_ptr<Slot<Layer>> downsample_;
};

class BasicBlock final : public Block {
 public:
  static constexpr int64_t kExpansion = 1;

  BasicBlock(int64_t in_channels, int64_t width, int64_t stride)
      : conv1_(*this, "conv1", conv(in_channels, width, 3, stride)),
        bn1_(*this, "bn1", make_layer<torch::nn::BatchNorm2dImpl>(width)),
        conv2_(*this, "conv2", conv(width, width, 3)),
        bn2_(*this, "bn2", make_layer<torch::nn::BatchNorm2dImpl>(width)) {
    add_shortcut(in_channels, width, stride);
  }

  at::Tensor branch(const at::Tensor& input) override {
    const at::Tensor hidden = bn1_->forward(conv1_->forward(input)).relu_();
    return bn2_->forward(conv2_->forward(hidden));
  }

  at::Tensor& last_scale() override { return bn2_.module()->as<BatchNorm>()->weight; }

 private:
  Slot<Layer> conv1_;
  Slot<Layer> bn1_;
  Slot<Layer> conv2_;
  Slot<Layer> bn2_;
};

class Bottleneck final : public Block {
 public:
  static constexpr int64_t kExpansion = 4;

  Bottleneck(int64_t in_channels, int64_t width, int64_t stride)
      : conv1_(*this, "conv1", conv(in_channels, width, 1)),
        bn1_(*this, "bn1", make_layer<torch::nn::BatchNorm2dImpl>(width)),
        conv2_(*this, "conv2", conv(width, width, 3, stride)),
        bn2_(*this, "bn2", make_layer<torch::nn::BatchNorm2dImpl>(width)),
        conv3_(*this, "conv3", conv(width, width * kExpansion, 1)),
        bn3_(*this, "bn3", make_layer<torch::nn::BatchNorm2dImpl>(width * kExpansion)) {
    add_shortcut(in_channels, width * kExpansion, stride);
  }

  at::Tensor branch(const at::Tensor& input) override {
    at::Tensor hidden = bn1_->forward(conv1_->forward(input)).relu_();
    hidden = bn2_->forward(conv2_->forward(hidden)).relu_();
    return bn3_->forward(conv3_->forward(hidden));
  }

  at::Tensor& last_scale() override { return bn3_.module()->as<BatchNorm>()->weight; }

 private:
  Slot<Layer> conv1_;
  Slot<Layer> bn1_;
  Slot<Layer> conv2_;
  Slot<Layer> bn2_;
  Slot<Layer> conv3_;
  Slot<Layer> bn3_;
};

template <typename BlockType>
std::shared_ptr<LayerSequence> make_stage(int64_t& channels, int64_t width, int64_t blocks,
                                          int64_t stride) {
  auto stage = std::make_shared<LayerSequence>();
  for (int64_t i = 0; i < blocks; ++i) {
    stage->push_back(std::make_shared<BlockType>(channels, width, i == 0 ? stride : 1));
    channels = width * BlockType::kExpansion;
  }
  return stage;
}

}  // namespace

ResNetOptions resnet_of_depth(int64_t depth) {
  static const std::map<int64_t, std::vector<int64_t>> imagenet = {{18, {2, 2, 2, 2}},
                                                                   {34, {3, 4, 6, 3}},
                                                                   {50, {3, 4, 6, 3}},
                                                                   {101, {3, 4, 23, 3}},
                                                                   {152, {3, 8, 36, 3}}};
  const auto found = imagenet.find(depth);
  if (found != imagenet.end()) return {.blocks = found->second, .bottleneck = depth >= 50};
  const bool cifar = depth == 20 || depth == 32 || depth == 44 || depth == 56 || depth == 110;
  TORCH_CHECK_VALUE(cifar, "there is no ResNet of depth ", depth,
                    "; those for ImageNet have 18, 34, 50, 101 or 152 layers, those for CIFAR 20, "
                    "32, 44, 56 or 110");
  return {.blocks = std::vector<int64_t>(3, (depth - 2) / 6),
          .large_images = false,
          .width = 16,
          .num_classes = 10};
}

ResNet::ResNet(const ResNetOptions& options)
    : Classifier(options.num_classes),
      memory_format_(options.memory_format),
      conv1_(*this, "conv1",
             options.large_images ? conv(options.in_channels, options.width, 7, 2)
                                  : conv(options.in_channels, options.width, 3)),
      bn1_(*this, "bn1", make_layer<torch::nn::BatchNorm2dImpl>(options.width)) {
  if (options.large_images) {
    maxpool_ = std::make_unique<Slot<Layer>>(
        *this, "maxpool",
        make_layer<torch::nn::MaxPool2dImpl>(torch::nn::MaxPool2dOptions(3).stride(2).padding(1)));
  }
  int64_t channels = options.width;
  for (size_t i = 0; i < options.blocks.size(); ++i) {
    const auto make = options.bottleneck ? make_stage<Bottleneck> : make_stage<BasicBlock>;
    stages_.push_back(register_module(
        absl::StrCat("layer", i + 1),
        make(channels, options.width << i, options.blocks[i], /*stride=*/i == 0 ? 1 : 2)));
  }
  fc_ = std::make_unique<Slot<Layer>>(*this, "fc",
                                      make_layer<LinearImpl>(channels, options.num_classes));
  initialise(options.zero_init_residual);
}

void ResNet::initialise(bool zero_init_residual) {
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* const layer = dynamic_cast<torch::nn::Conv2dImpl*>(module.get())) {
      torch::nn::init::kaiming_normal_(layer->weight, /*a=*/0, torch::kFanOut, torch::kReLU);
      layer->weight.set_data(layer->weight.data().contiguous(memory_format_));
    }
    auto* const block = dynamic_cast<Block*>(module.get());
    if (zero_init_residual && block != nullptr) torch::nn::init::zeros_(block->last_scale());
  }
}

at::Tensor ResNet::logits(const at::Tensor& input) {
  TORCH_CHECK_VALUE(input.dim() == 4,
                    "a resnet takes images [batch, channels, height, width], not ", input.sizes());
  at::Tensor hidden = conv1_->forward(in_memory_format(input, memory_format_));
  hidden = bn1_->forward(hidden).relu_();
  if (maxpool_) hidden = (*maxpool_)->forward(hidden);
  for (const auto& stage : stages_) hidden = stage->forward(hidden);
  return (*fc_)->forward(hidden.mean({2, 3}));
}

namespace {

struct ConfiguredResNet {
  using Config = config::ResNet;

  static absl::StatusOr<std::shared_ptr<ComposerModel>> create(const Config& config) {
    ResNetOptions options;
    const absl::Status known = catch_exceptions([&] { options = resnet_of_depth(config.depth()); });
    if (!known.ok()) return field_error("depth", known.message());
    options.in_channels = config.in_channels();
    if (config.has_width()) options.width = config.width();
    if (config.has_num_classes()) options.num_classes = config.num_classes();
    COMPOSER_RETURN_IF_ERROR(check_positive("in_channels", options.in_channels));
    COMPOSER_RETURN_IF_ERROR(check_positive("width", options.width));
    COMPOSER_RETURN_IF_ERROR(check_positive("num_classes", options.num_classes));
    options.zero_init_residual = config.zero_init_residual();
    if (config.memory_format() == config::CONTIGUOUS) {
      options.memory_format = at::MemoryFormat::Contiguous;
    }
    return std::make_shared<ResNet>(options);
  }
};

COMPOSER_REGISTER(ComposerModel, ConfiguredResNet);

}  // namespace
}  // namespace composer
