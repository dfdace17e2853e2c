#include "algorithms/weight_standardization.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/var_mean.h>

#include <unordered_set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
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

class StandardizedConv2d final : public Conv2d {
 public:
  using Conv2d::Conv2d;
  at::Tensor convolve(const at::Tensor& input, const at::Tensor& weight) override {
    return Conv2d::convolve(input, standardize_weight(weight));
  }
};

// Of one or three dimensions, which no other method changes.
template <typename Impl>
class StandardizedConv : public Impl, public Layer {
 public:
  explicit StandardizedConv(const Impl& conv) : Impl(conv) {}
  at::Tensor forward(const at::Tensor& input) final {
    // The parameter is registered; this is the handle that is computed with.
    const at::Tensor parameter = std::exchange(this->weight, standardize_weight(this->weight));
    const absl::Cleanup restore = [&] { this->weight = parameter; };
    return Impl::forward(input);
  }
};

struct StandardizedConv1d final : StandardizedConv<torch::nn::Conv1dImpl> {
  using StandardizedConv::StandardizedConv;
};
struct StandardizedConv3d final : StandardizedConv<torch::nn::Conv3dImpl> {
  using StandardizedConv::StandardizedConv;
};

bool is_convolution(const torch::nn::Module& layer) {
  return dynamic_cast<const torch::nn::Conv2dImpl*>(&layer) != nullptr ||
         dynamic_cast<const torch::nn::Conv1dImpl*>(&layer) != nullptr ||
         dynamic_cast<const torch::nn::Conv3dImpl*>(&layer) != nullptr;
}

bool is_standardized(const torch::nn::Module& layer) {
  return is_or_holds<StandardizedConv2d>(layer) ||
         dynamic_cast<const StandardizedConv1d*>(&layer) != nullptr ||
         dynamic_cast<const StandardizedConv3d*>(&layer) != nullptr;
}

std::shared_ptr<torch::nn::Module> standardized(const std::shared_ptr<torch::nn::Module>& conv) {
  if (const auto conv2d = std::dynamic_pointer_cast<torch::nn::Conv2dImpl>(conv)) {
    return std::make_shared<StandardizedConv2d>(conv2d);
  }
  if (const auto conv1d = std::dynamic_pointer_cast<torch::nn::Conv1dImpl>(conv)) {
    return std::make_shared<StandardizedConv1d>(*conv1d);
  }
  return std::make_shared<StandardizedConv3d>(
      *std::dynamic_pointer_cast<torch::nn::Conv3dImpl>(conv));
}

}  // namespace

at::Tensor standardize_weight(const at::Tensor& weight) {
  std::vector<int64_t> dimensions;
  for (int64_t i = 1; i < weight.dim(); ++i) dimensions.push_back(i);
  const auto [variance, mean] =
      at::var_mean(weight, dimensions, /*correction=*/0, /*keepdim=*/true);
  return (weight - mean) / (variance + 1e-10).sqrt();
}

std::vector<LayerReplacement> apply_weight_standardization(
    torch::nn::Module& model, int64_t n_last_layers_ignore,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  std::vector<const torch::nn::Module*> convs;
  for (const auto& module : model.modules()) {
    if (is_convolution(*module)) convs.push_back(module.get());
  }
  const size_t ignored = std::min(convs.size(), static_cast<size_t>(n_last_layers_ignore));
  const std::unordered_set<const torch::nn::Module*> wanted(convs.begin(), convs.end() - ignored);
  const LayerRule rule = {
      .replacement = [&](const std::shared_ptr<torch::nn::Module>& layer,
                         const std::string&) -> std::shared_ptr<torch::nn::Module> {
        if (wanted.count(layer.get()) == 0) return nullptr;
        return standardized(layer);
      },
      .is_done = is_standardized};
  return replace_layers(model, {rule}, optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> WeightStandardization::create(const Config& config) {
  return try_make<WeightStandardization>(config.n_last_layers_ignore(), config.must_match());
}

WeightStandardization::WeightStandardization(int64_t n_last_layers_ignore, bool must_match)
    : n_last_layers_ignore_(n_last_layers_ignore), must_match_(must_match) {
  if (n_last_layers_ignore < 0) {
    throw_if_error(field_error("n_last_layers_ignore", "must not be negative"));
  }
}

AlgorithmTraits WeightStandardization::traits() const {
  return {.events = {Event::kInit}, .paper = "Qiao et al., 2019, arXiv:1903.10520"};
}

bool WeightStandardization::match(Event event, const State& state) const {
  return event == Event::kInit;
}

void WeightStandardization::apply(Event event, State& state, Logger& logger) {
  report_surgery(
      name(),
      n_last_layers_ignore_ == 0
          ? "convolutions"
          : absl::StrCat("convolutions before the last ", n_last_layers_ignore_),
      must_match_,
      apply_weight_standardization(*state.model, n_last_layers_ignore_, state.optimizers));
}

COMPOSER_REGISTER(Algorithm, WeightStandardization);

}  // namespace composer
