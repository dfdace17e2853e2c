#include "algorithms/factorize.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "algorithms/earlier_surgery.h"
#include "algorithms/low_rank.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/nn/conv2d.h"
#include "composer/nn/layer.h"
#include "composer/nn/linear.h"
#include "composer/nn/slot.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

using ConvLayer = LayerOf<torch::nn::Conv2dImpl>;
using LinearLayer = LayerOf<LinearImpl>;

template <typename Part>
class Factorized : public torch::nn::Module, public SlotOwner, public Layer {
 public:
  Factorized(const std::shared_ptr<Part>& first, const std::shared_ptr<Part>& second)
      : module0_(*this, "module0", first), module1_(*this, "module1", second) {}

  at::Tensor forward(const at::Tensor& input) final {
    return module1_->forward(module0_->forward(input));
  }

 private:
  Slot<Layer> module0_;
  Slot<Layer> module1_;
};

struct FactorizedConv2d final : Factorized<ConvLayer> {
  using Factorized::Factorized;
};
struct FactorizedLinear final : Factorized<LinearLayer> {
  using Factorized::Factorized;
};

std::shared_ptr<FactorizedConv2d> factorized(const torch::nn::Conv2dImpl& conv,
                                             const FactorizeOptions& options) {
  const auto& all = conv.options;
  const int64_t inputs = all.in_channels(), outputs = all.out_channels();
  if (all.groups() != 1 || std::min(inputs, outputs) < options.min_channels) return nullptr;
  const auto& kernel = *all.kernel_size();
  const std::optional<int64_t> rank =
      factorized_rank(inputs, outputs, kernel[0] * kernel[1], options.latent_channels);
  if (!rank) return nullptr;
  TORCH_CHECK_NOT_IMPLEMENTED(dynamic_cast<const Conv2d*>(&conv) == nullptr,
                              "Factorize cannot split a ", layer_type(conv),
                              ": list it before the method that made it");
  torch::nn::Conv2dOptions first(inputs, *rank, all.kernel_size());
  first.stride(all.stride()).padding(all.padding()).dilation(all.dilation()).bias(false);
  first.padding_mode(all.padding_mode());
  const auto layers = std::make_shared<FactorizedConv2d>(
      make_layer<torch::nn::Conv2dImpl>(first),
      make_layer<torch::nn::Conv2dImpl>(torch::nn::Conv2dOptions(*rank, outputs, 1)));
  const auto format = conv.weight.suggest_memory_format();
  for (at::Tensor& parameter : layers->parameters()) {
    if (parameter.dim() == 4) parameter.set_data(parameter.data().contiguous(format));
  }
  return layers;
}

std::shared_ptr<FactorizedLinear> factorized(const torch::nn::LinearImpl& linear,
                                             const FactorizeOptions& options) {
  const int64_t inputs = linear.options.in_features(), outputs = linear.options.out_features();
  if (std::min(inputs, outputs) < options.min_features) return nullptr;
  const std::optional<int64_t> rank =
      factorized_rank(inputs, outputs, /*kernel_area=*/1, options.latent_features);
  if (!rank) return nullptr;
  return std::make_shared<FactorizedLinear>(
      make_layer<LinearImpl>(torch::nn::LinearOptions(inputs, *rank).bias(false)),
      make_layer<LinearImpl>(torch::nn::LinearOptions(*rank, outputs).bias(linear.options.bias())));
}

}  // namespace

std::optional<int64_t> factorized_rank(int64_t inputs, int64_t outputs, int64_t kernel_area,
                                       double latent) {
  const double wanted =
      latent < 1 ? std::max(1.0, latent * static_cast<double>(std::min(inputs, outputs))) : latent;
  const auto rank = static_cast<int64_t>(wanted);
  const int64_t fan_in = inputs * kernel_area;
  // rank * (fan_in + outputs) multiplications instead of fan_in * outputs
  if (rank * (fan_in + outputs) >= fan_in * outputs) return std::nullopt;
  return rank;
}

std::vector<LayerReplacement> apply_factorization(
    torch::nn::Module& model, const FactorizeOptions& options,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  const auto make = [&](const auto& layer) { return factorized(*layer, options); };
  std::vector<LayerRule> rules;
  if (options.factorize_convs) {
    rules.push_back(layer_rule<torch::nn::Conv2dImpl, FactorizedConv2d>(make));
  }
  if (options.factorize_linears) {
    rules.push_back(layer_rule<torch::nn::LinearImpl, FactorizedLinear>(make));
  }
  return replace_layers(model, rules, optimizers);
}

namespace {

// The layer itself; null where another method has put something in its place.
template <typename Part>
Part* plain(const std::shared_ptr<torch::nn::Module>& module) {
  return dynamic_cast<Part*>(module.get());
}

// Whether there is anything to do.
bool check_rank(int64_t rank, int64_t current) {
  TORCH_CHECK_VALUE(rank >= 1 && rank <= current, "Requested rank ", rank,
                    " is not between 1 and the current rank, ", current);
  return rank < current;
}

void set_weight(at::Tensor& weight, const at::Tensor& value) {
  weight.mutable_grad().reset();
  weight.set_data(value.contiguous(weight.suggest_memory_format()));
}

// What a convolution multiplies at each position, [positions, channels * kernel area].
at::Tensor patches(const torch::nn::Conv2dImpl& conv, const at::Tensor& input) {
  const auto& options = conv.options;
  const auto* const padding = std::get_if<torch::ExpandingArray<2>>(&options.padding());
  const auto is_one = [](const auto& sizes) { return sizes->at(0) == 1 && sizes->at(1) == 1; };
  TORCH_CHECK_NOT_IMPLEMENTED(
      padding != nullptr && is_one(options.stride()) && is_one(options.dilation()),
      "set_rank takes convolutions with a stride and a dilation of 1 and padding by numbers");
  const int64_t height = (*padding)->at(0), width = (*padding)->at(1);
  const std::vector<int64_t> around = {width, width, height, height};
  at::Tensor padded;
  if (std::holds_alternative<torch::enumtype::kZeros>(options.padding_mode())) {
    padded = at::constant_pad_nd(input, around);
  } else if (std::holds_alternative<torch::enumtype::kReflect>(options.padding_mode())) {
    padded = at::pad(input, around, "reflect");
  } else if (std::holds_alternative<torch::enumtype::kReplicate>(options.padding_mode())) {
    padded = at::pad(input, around, "replicate");
  } else {
    padded = at::pad(input, around, "circular");
  }
  return at::im2col(padded, *options.kernel_size(), /*dilation=*/{1, 1}, /*padding=*/{0, 0},
                    /*stride=*/{1, 1})
      .transpose(1, 2)
      .flatten(0, 1);
}

void set_conv_rank(torch::nn::Conv2dImpl& first, torch::nn::Conv2dImpl& second,
                   const at::Tensor& input, int64_t rank) {
  if (!check_rank(rank, first.options.out_channels())) return;
  const at::Tensor inputs = patches(first, input);
  const at::Tensor a = first.weight.flatten(1).t(), b = second.weight.flatten(1).t();
  const at::Tensor outputs = inputs.matmul(a).matmul(b) + second.bias;
  const LowRankProduct fit = fit_low_rank(inputs, outputs, a, b, rank);
  std::vector<int64_t> sizes = first.weight.sizes().vec();
  sizes[0] = rank;
  set_weight(first.weight, fit.first.t().reshape(sizes));
  set_weight(second.weight, fit.second.t().unsqueeze(-1).unsqueeze(-1));
  second.bias.copy_(fit.bias);
  first.options.out_channels(rank);
  second.options.in_channels(rank);
}

void set_linear_rank(LinearImpl& first, LinearImpl& second, const at::Tensor& input, int64_t rank) {
  if (!check_rank(rank, first.options.out_features())) return;
  const at::Tensor inputs = input.reshape({-1, input.size(-1)});
  const at::Tensor a = first.weight.t(), b = second.weight.t();
  const LowRankProduct fit = fit_low_rank(inputs, inputs.matmul(a).matmul(b), a, b, rank);
  set_weight(first.weight, fit.first.t());
  set_weight(second.weight, fit.second.t());
  if (second.bias.defined()) second.bias.add_(fit.bias);
  first.options.out_features(rank);
  second.options.in_features(rank);
}

}  // namespace

void set_rank(torch::nn::Module& layer, const at::Tensor& input, int64_t rank) {
  const at::NoGradGuard no_grad;
  const auto children = layer.children();
  const auto changed = [&] {
    return absl::StrCat("set_rank cannot take a factorized layer whose parts are a ",
                        layer_type(*children[0]), " and a ", layer_type(*children[1]),
                        ": another method has changed them");
  };
  if (dynamic_cast<FactorizedConv2d*>(&layer) != nullptr) {
    auto* const first = plain<ConvLayer>(children[0]);
    auto* const second = plain<ConvLayer>(children[1]);
    TORCH_CHECK_NOT_IMPLEMENTED(first != nullptr && second != nullptr, changed());
    set_conv_rank(*first, *second, input, rank);
    return;
  }
  TORCH_CHECK_TYPE(dynamic_cast<FactorizedLinear*>(&layer) != nullptr,
                   "set_rank takes layers that Factorize has made, not a ", layer_type(layer));
  auto* const first = plain<LinearLayer>(children[0]);
  auto* const second = plain<LinearLayer>(children[1]);
  TORCH_CHECK_NOT_IMPLEMENTED(first != nullptr && second != nullptr, changed());
  set_linear_rank(*first, *second, input, rank);
}

absl::StatusOr<std::unique_ptr<Algorithm>> Factorize::create(const Config& config) {
  return try_make<Factorize>(FactorizeOptions{.factorize_convs = config.factorize_convs(),
                                              .factorize_linears = config.factorize_linears(),
                                              .min_channels = config.min_channels(),
                                              .latent_channels = config.latent_channels(),
                                              .min_features = config.min_features(),
                                              .latent_features = config.latent_features()},
                             config.must_match());
}

Factorize::Factorize(FactorizeOptions options, bool must_match)
    : options_(options), must_match_(must_match) {
  if (!options_.factorize_convs && !options_.factorize_linears) {
    throw_if_error(field_error("factorize_convs",
                               "factorize_convs and factorize_linears are both false, so that "
                               "nothing would be changed; leave one of them true"));
  }
  const auto check = [](absl::string_view field, bool good, absl::string_view problem) {
    if (!good) throw_if_error(field_error(field, problem));
  };
  check("min_channels", options_.min_channels >= 0, "must not be negative");
  check("latent_channels", options_.latent_channels > 0, "must be above 0");
  check("min_features", options_.min_features >= 0, "must not be negative");
  check("latent_features", options_.latent_features > 0, "must be above 0");
}

AlgorithmTraits Factorize::traits() const {
  return {.events = {Event::kInit}, .paper = "Jaderberg et al., 2014, arXiv:1405.3866"};
}

bool Factorize::match(Event event, const State& state) const { return event == Event::kInit; }

void Factorize::apply(Event event, State& state, Logger& logger) {
  const auto replaced = after_earlier_surgery(
      state, *this, [&] { return apply_factorization(*state.model, options_, state.optimizers); });
  report_surgery(name(), "convolutions or linear layers that are large enough to get cheaper",
                 must_match_, replaced);
}

COMPOSER_REGISTER(Algorithm, Factorize);

}  // namespace composer
