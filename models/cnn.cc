#include "models/cnn.h"

#include <ATen/ops/max_pool2d.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>

#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/nn/linear.h"
#include "composer/nn/memory_format.h"
#include "models/checks.h"
#include "proto/model.pb.h"

namespace composer {
namespace {

class Block final : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  Block(int64_t in_channels, int64_t channels)
      : conv_(*this, "conv",
              make_layer<torch::nn::Conv2dImpl>(
                  torch::nn::Conv2dOptions(in_channels, channels, 3).padding(1).bias(false))),
        norm_(*this, "norm", make_layer<torch::nn::BatchNorm2dImpl>(channels)) {}

  at::Tensor forward(const at::Tensor& input) override {
    return at::max_pool2d(norm_->forward(conv_->forward(input)).relu_(), 2);
  }

 private:
  Slot<Layer> conv_;
  Slot<Layer> norm_;
};

}  // namespace

Cnn::Cnn(const CnnOptions& options)
    : Classifier(options.num_classes),
      memory_format_(options.memory_format),
      blocks_(register_module("blocks", std::make_shared<LayerSequence>())),
      head_(*this, "head",
            make_layer<LinearImpl>(
                options.channels.empty() ? options.in_channels : options.channels.back(),
                options.num_classes)) {
  int64_t in_channels = options.in_channels;
  for (const int64_t channels : options.channels) {
    blocks_->push_back(std::make_shared<Block>(in_channels, channels));
    in_channels = channels;
  }
  for (at::Tensor& parameter : blocks_->parameters()) {
    if (parameter.dim() == 4) parameter.set_data(parameter.data().contiguous(memory_format_));
  }
}

at::Tensor Cnn::logits(const at::Tensor& input) {
  TORCH_CHECK_VALUE(input.dim() == 4, "a cnn takes images [batch, channels, height, width], not ",
                    input.sizes());
  const int64_t smallest = int64_t{1} << blocks_->size();
  TORCH_CHECK_VALUE(input.size(2) >= smallest && input.size(3) >= smallest, "a cnn of ",
                    blocks_->size(), " blocks needs images of at least ", smallest, "x", smallest,
                    ", not ", input.size(2), "x", input.size(3));
  const at::Tensor features = blocks_->forward(in_memory_format(input, memory_format_));
  return head_->forward(features.mean({2, 3}));
}

namespace {

struct ConfiguredCnn {
  using Config = config::Cnn;

  static absl::StatusOr<std::shared_ptr<ComposerModel>> create(const Config& config) {
    COMPOSER_RETURN_IF_ERROR(check_positive("in_channels", config.in_channels()));
    COMPOSER_RETURN_IF_ERROR(check_positive("channels", config.channels()));
    COMPOSER_RETURN_IF_ERROR(check_positive("num_classes", config.num_classes()));
    CnnOptions options{.in_channels = config.in_channels(), .num_classes = config.num_classes()};
    if (config.channels_size() > 0) {
      options.channels.assign(config.channels().begin(), config.channels().end());
    }
    if (config.memory_format() == config::CONTIGUOUS) {
      options.memory_format = at::MemoryFormat::Contiguous;
    }
    return std::make_shared<Cnn>(options);
  }
};

COMPOSER_REGISTER(ComposerModel, ConfiguredCnn);

}  // namespace
}  // namespace composer
