#include "algorithms/gyro_dropout.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/nn/modules/dropout.h>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/random.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

int64_t features_dim(const at::Tensor& input) {
  TORCH_CHECK_VALUE(
      input.dim() >= 2,
      "GyroDropout is for inputs [batch, features] and such with more dimensions, not ",
      input.sizes());
  return input.dim() == 3 ? 2 : 1;
}

// `selected` is [tau, features].
at::Tensor times_selected(const at::Tensor& input, const at::Tensor& selected) {
  const int64_t batch = input.size(0), tau = selected.size(0);
  TORCH_CHECK_VALUE(batch % tau == 0, "GyroDropout cannot share ", batch,
                    " samples evenly among tau = ", tau,
                    " masks: choose a tau that divides the size of every (micro)batch, and leave "
                    "out an epoch's last batch where it is smaller");
  std::vector<int64_t> sizes(input.dim() + 1, 1);
  sizes[0] = tau;
  sizes[features_dim(input) + 1] = selected.size(1);
  return (input.unflatten(0, {tau, batch / tau}) * selected.view(sizes)).flatten(0, 1);
}

at::Generator generator_of(uint64_t seed) { return at::detail::createCPUGenerator(seed); }

}  // namespace

at::Tensor gyro_dropout(const at::Tensor& input, const at::Tensor& masks, const at::Tensor& picks,
                        double p) {
  const at::Tensor selected = masks.index_select(0, picks).to(input.scalar_type()) / (1 - p);
  return times_selected(input, selected);
}

at::Tensor GyroDropoutLayer::forward(const at::Tensor& input) {
  if (!is_training()) return input;
  const int64_t features = input.size(features_dim(input));
  if (!selected_.defined() || selected_.size(1) != features ||
      selected_.scalar_type() != input.scalar_type() || selected_.device() != input.device()) {
    selected_ = masks(features)
                    .index_select(0, picks())
                    .div_(1 - options_.p)
                    .to(input.device(), input.scalar_type());
  }
  return times_selected(input, selected_);
}

void GyroDropoutLayer::set_turn(uint64_t turn) {
  if (turn == turn_) return;
  turn_ = turn;
  selected_.reset();
}

at::Tensor GyroDropoutLayer::masks(int64_t features) const {
  return at::rand({options_.sigma, features}, generator_of(seed_), at::kFloat)
      .ge(options_.p)
      .to(at::kFloat);
}

at::Tensor GyroDropoutLayer::picks() const {
  return at::randperm(options_.sigma, generator_of(mix_seed({seed_, turn_})), at::kLong)
      .narrow(0, 0, options_.tau);
}

std::vector<LayerReplacement> apply_gyro_dropout(
    torch::nn::Module& model, const GyroDropoutOptions& options, uint64_t seed,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  const LayerRule rule{
      .replacement = [&](const std::shared_ptr<torch::nn::Module>& layer,
                         const std::string& name) -> std::shared_ptr<torch::nn::Module> {
        if (dynamic_cast<const torch::nn::DropoutImpl*>(layer.get()) == nullptr) return nullptr;
        return std::make_shared<GyroDropoutLayer>(options, mix_seed({seed, hash_name(name)}));
      },
      .is_done =
          [](const torch::nn::Module& layer) {
            return dynamic_cast<const GyroDropoutLayer*>(&layer) != nullptr;
          }};
  return replace_layers(model, {rule}, optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> GyroDropout::create(const Config& config) {
  return try_make<GyroDropout>(
      GyroDropoutOptions{.p = config.p(), .sigma = config.sigma(), .tau = config.tau()},
      config.must_match());
}

GyroDropout::GyroDropout(GyroDropoutOptions options, bool must_match)
    : options_(options), must_match_(must_match) {
  if (!(options_.p >= 0 && options_.p < 1)) {
    throw_if_error(
        field_error("p", absl::StrCat("must be at least 0 and below 1, not ", options_.p)));
  }
  if (options_.sigma < 1) {
    throw_if_error(field_error("sigma", absl::StrCat("must be at least 1, not ", options_.sigma)));
  }
  if (options_.tau < 1 || options_.tau > options_.sigma) {
    throw_if_error(field_error(
        "tau", absl::StrCat("must be from 1 to sigma, ", options_.sigma, ", not ", options_.tau)));
  }
}

AlgorithmTraits GyroDropout::traits() const {
  return {.events = {Event::kInit, Event::kBatchStart},
          .paper = "Lee et al., 2022, Gyro Dropout, MLSys"};
}

bool GyroDropout::match(Event event, const State& state) const {
  return event == Event::kInit || event == Event::kBatchStart;
}

void GyroDropout::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kInit) {
    report_surgery(name(), "dropout layers", must_match_,
                   apply_gyro_dropout(*state.model, options_,
                                      mix_seed({state.seed, hash_name(name())}), state.optimizers));
    layers_.clear();
    for (const auto& module : state.model->modules()) {
      if (auto layer = std::dynamic_pointer_cast<GyroDropoutLayer>(module)) {
        layers_.push_back(std::move(layer));
      }
    }
    return;
  }
  const double turns = static_cast<double>(options_.sigma) / static_cast<double>(options_.tau);
  // Fractions of the run are rounded: a turn that begins with this batch has begun.
  const auto turn = static_cast<int64_t>(state.elapsed_duration() * turns + 1e-9);
  for (const auto& layer : layers_) layer->set_turn(turn * state.world_size + state.rank);
}

COMPOSER_REGISTER(Algorithm, GyroDropout);

}  // namespace composer
