#include "algorithms/blurpool.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/tensor.h>
#include <torch/nn/modules/pooling.h>

#include <algorithm>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/nn/conv2d.h"
#include "composer/nn/layer.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

at::Tensor filter(int64_t channels, const at::TensorOptions& options) {
  const at::Tensor weights = at::tensor({1, 2, 1, 2, 4, 2, 1, 2, 1}, at::kFloat).div_(16);
  return weights.view({1, 1, 3, 3}).repeat({channels, 1, 1, 1}).to(options);
}

at::Tensor blur(const at::Tensor& input, const at::Tensor& filter, at::IntArrayRef stride) {
  return at::conv2d(input, filter, /*bias=*/{}, stride, /*padding=*/1, /*dilation=*/1,
                    /*groups=*/filter.size(0));
}

// Keeps the filter from one forward to the next.
class Blur {
 public:
  at::Tensor operator()(const at::Tensor& input, at::IntArrayRef stride) {
    const at::TensorOptions options = input.options().requires_grad(false);
    if (!filter_.defined() || filter_.size(0) != input.size(1) ||
        filter_.scalar_type() != input.scalar_type() || filter_.device() != input.device()) {
      filter_ = filter(input.size(1), options);
    }
    return blur(input, filter_, stride);
  }

 private:
  at::Tensor filter_;
};

class BlurMaxPool2d final : public torch::nn::Module, public Layer {
 public:
  explicit BlurMaxPool2d(const torch::nn::MaxPool2dOptions& options) : options_(options) {}

  at::Tensor forward(const at::Tensor& input) override {
    const at::Tensor maxima =
        at::max_pool2d(input, options_.kernel_size(), /*stride=*/1, options_.padding(),
                       options_.dilation(), options_.ceil_mode());
    return blur_(maxima, options_.stride());
  }

 private:
  const torch::nn::MaxPool2dOptions options_;
  Blur blur_;
};

class BlurConv2d final : public Conv2d {
 public:
  BlurConv2d(const std::shared_ptr<torch::nn::Conv2dImpl>& conv, bool blur_first)
      : Conv2d(conv), blur_first_(blur_first), stride_(options.stride()) {
    TORCH_CHECK_NOT_IMPLEMENTED(blur_first || inner() == nullptr,
                                "BlurPool without blur_first changes a convolution's stride, which "
                                "it cannot do behind another method's: list it before "
                                "WeightStandardization");
    if (!blur_first) options.stride(1);
  }

  at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight) override {
    if (blur_first_) return Conv2d::convolve(blur_(input, 1), weight);
    return blur_(Conv2d::convolve(input, weight), stride_);
  }

 private:
  const bool blur_first_;
  const torch::ExpandingArray<2> stride_;
  Blur blur_;
};

LayerRule conv_rule(const BlurPoolOptions& options) {
  return {.replacement = [options](const std::shared_ptr<torch::nn::Module>& layer,
                                   const std::string&) -> std::shared_ptr<torch::nn::Module> {
            const auto conv = std::dynamic_pointer_cast<torch::nn::Conv2dImpl>(layer);
            if (!conv || conv->options.in_channels() < options.min_channels) return nullptr;
            const auto& stride = *conv->options.stride();
            if (std::max(stride[0], stride[1]) == 1) return nullptr;
            return std::make_shared<BlurConv2d>(conv, options.blur_first);
          },
          .is_done = is_or_holds<BlurConv2d>};
}

LayerRule maxpool_rule() {
  return layer_rule<torch::nn::MaxPool2dImpl, BlurMaxPool2d>(
      [](const auto& pool) { return std::make_shared<BlurMaxPool2d>(pool->options); });
}

}  // namespace

at::Tensor blur_2d(const at::Tensor& input, at::IntArrayRef stride) {
  TORCH_CHECK_VALUE(input.dim() == 4, "images [batch, channels, height, width] are blurred, not ",
                    input.sizes());
  return blur(input, filter(input.size(1), input.options().requires_grad(false)), stride);
}

std::vector<LayerReplacement> apply_blurpool(
    torch::nn::Module& model, const BlurPoolOptions& options,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  std::vector<LayerRule> rules;
  if (options.replace_maxpools) rules.push_back(maxpool_rule());
  if (options.replace_convs) rules.push_back(conv_rule(options));
  return replace_layers(model, rules, optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> BlurPool::create(const Config& config) {
  return try_make<BlurPool>(BlurPoolOptions{.replace_convs = config.replace_convs(),
                                            .replace_maxpools = config.replace_maxpools(),
                                            .blur_first = config.blur_first(),
                                            .min_channels = config.min_channels()},
                            config.must_match());
}

BlurPool::BlurPool(BlurPoolOptions options, bool must_match)
    : options_(options), must_match_(must_match) {
  if (!options_.replace_convs && !options_.replace_maxpools) {
    throw_if_error(field_error("replace_convs",
                               "replace_convs and replace_maxpools are both false, so that nothing "
                               "would be changed; leave one of them true"));
  }
  if (options_.min_channels < 0) {
    throw_if_error(field_error("min_channels", "must not be negative"));
  }
}

AlgorithmTraits BlurPool::traits() const {
  return {.events = {Event::kInit}, .paper = "Zhang, 2019, arXiv:1904.11486"};
}

bool BlurPool::match(Event event, const State& state) const { return event == Event::kInit; }

void BlurPool::apply(Event event, State& state, Logger& logger) {
  report_surgery(name(), "strided convolutions or max poolings", must_match_,
                 apply_blurpool(*state.model, options_, state.optimizers));
}

COMPOSER_REGISTER(Algorithm, BlurPool);

}  // namespace composer
