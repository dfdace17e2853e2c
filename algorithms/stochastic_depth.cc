#include "algorithms/stochastic_depth.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {

double block_drop_rate(int64_t index, int64_t blocks, double drop_rate, bool linear) {
  if (!linear) return drop_rate;
  return static_cast<double>(index + 1) / static_cast<double>(blocks) * drop_rate;
}

at::Tensor StochasticSum::forward(ResidualBlock& block, const at::Tensor& input) {
  if (!block.is_training()) {
    return block.branch(input).mul(1 - drop_rate).add(block.shortcut(input));
  }
  if (!keep.defined()) return block.branch(input) + block.shortcut(input);
  if (keep.numel() == 1 && keep.dim() == 1) {
    const bool kept = keep.is_cpu() ? *keep.const_data_ptr<float>() != 0 : keep.item<float>() != 0;
    const at::Tensor shortcut = block.shortcut(input);
    return kept ? block.branch(input) + shortcut : shortcut;
  }
  const at::Tensor branch = block.branch(input);
  TORCH_CHECK_VALUE(keep.size(0) == branch.size(0), "there are draws for ", keep.size(0),
                    " samples, but the batch has ", branch.size(0));
  return branch * keep.to(branch.scalar_type()) + block.shortcut(input);
}

StochasticBlocks StochasticBlocks::of(torch::nn::Module& model) {
  StochasticBlocks blocks;
  for (const auto& module : model.modules()) {
    auto* const block = dynamic_cast<ResidualBlock*>(module.get());
    if (block == nullptr) continue;
    auto sum = std::dynamic_pointer_cast<StochasticSum>(block->sum());
    if (sum == nullptr) {
      sum = std::make_shared<StochasticSum>();
      block->set_sum(sum);
    }
    blocks.sums_.push_back(std::move(sum));
  }
  return blocks;
}

void StochasticBlocks::set_drop_rate(double drop_rate, bool linear) {
  const auto count = static_cast<int64_t>(sums_.size());
  for (int64_t i = 0; i < count; ++i) {
    sums_[i]->drop_rate = block_drop_rate(i, count, drop_rate, linear);
  }
}

void StochasticBlocks::draw_blocks(at::Generator generator) {
  const at::Tensor draws =
      at::rand({static_cast<int64_t>(sums_.size())}, std::move(generator), at::kDouble);
  for (size_t i = 0; i < sums_.size(); ++i) {
    const bool kept = draws.const_data_ptr<double>()[i] >= sums_[i]->drop_rate;
    sums_[i]->keep = at::full({1}, kept ? 1.0 : 0.0, at::kFloat);
  }
}

void StochasticBlocks::draw_samples(int64_t samples, at::Generator generator, at::Device device) {
  const at::Tensor draws =
      at::rand({static_cast<int64_t>(sums_.size()), samples, 1, 1, 1}, std::move(generator));
  for (size_t i = 0; i < sums_.size(); ++i) {
    sums_[i]->keep = draws[static_cast<int64_t>(i)].ge(sums_[i]->drop_rate).to(device, at::kFloat);
  }
}

absl::StatusOr<std::unique_ptr<Algorithm>> StochasticDepth::create(const Config& config) {
  using Method = StochasticDepthOptions::Method;
  return try_make<StochasticDepth>(
      StochasticDepthOptions{
          .method = config.stochastic_method() == Config::SAMPLE ? Method::kSample : Method::kBlock,
          .drop_rate = config.drop_rate(),
          .linear = config.drop_distribution() == Config::LINEAR,
          .drop_warmup = config.drop_warmup()},
      config.must_match());
}

StochasticDepth::StochasticDepth(StochasticDepthOptions options, bool must_match)
    : options_(options), must_match_(must_match), drop_rate_(options.drop_rate) {
  const auto check = [](absl::string_view field, double value) {
    if (value >= 0 && value <= 1) return;
    throw_if_error(field_error(field, absl::StrCat("must be from 0 to 1, not ", value)));
  };
  check("drop_rate", options_.drop_rate);
  check("drop_warmup", options_.drop_warmup);
  if (options_.drop_warmup > 0 && options_.method == StochasticDepthOptions::Method::kSample) {
    throw_if_error(field_error(
        "drop_warmup", "works with the stochastic_method BLOCK only; leave it out for SAMPLE"));
  }
}

AlgorithmTraits StochasticDepth::traits() const {
  AlgorithmTraits traits{.events = {Event::kInit}, .paper = "Huang et al., 2016, arXiv:1603.09382"};
  if (options_.drop_warmup > 0) traits.events.push_back(Event::kBatchStart);
  traits.events.push_back(Event::kBeforeForward);
  return traits;
}

bool StochasticDepth::match(Event event, const State& state) const {
  if (event == Event::kBatchStart) return options_.drop_warmup > 0;
  return event == Event::kInit || event == Event::kBeforeForward;
}

void StochasticDepth::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kInit) return change_model(state, logger);
  if (event == Event::kBatchStart) {
    const double progress = std::min(1.0, state.elapsed_duration() / options_.drop_warmup);
    set_drop_rate(progress * options_.drop_rate);
    logger.log_metric("stochastic_depth/drop_rate", drop_rate_);
    return;
  }
  if (blocks_.size() == 0) return;
  if (options_.method == StochasticDepthOptions::Method::kBlock) {
    blocks_.draw_blocks(state.generator(name()));
  } else {
    blocks_.draw_samples(state.batch.num_samples(), state.generator(name()), state.device);
  }
}

void StochasticDepth::set_drop_rate(double drop_rate) {
  drop_rate_ = drop_rate;
  blocks_.set_drop_rate(drop_rate, options_.linear);
}

StateDict StochasticDepth::state_dict() const {
  StateDict state;
  state.set("drop_rate", drop_rate_);
  return state;
}

absl::Status StochasticDepth::load_state_dict(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(const double drop_rate, state.number("drop_rate"));
  // Without a warm-up the rate is a setting, which may be another now.
  if (options_.drop_warmup > 0) set_drop_rate(drop_rate);
  return absl::OkStatus();
}

void StochasticDepth::change_model(State& state, Logger& logger) {
  blocks_ = StochasticBlocks::of(*state.model);
  set_drop_rate(drop_rate_);
  if (blocks_.size() == 0) {
    const std::string problem = "StochasticDepth has no effect: the model has no residual blocks";
    TORCH_CHECK_VALUE(!must_match_, problem, " (composer/nn/residual_block.h)");
    LOG(WARNING) << problem;
    return;
  }
  LOG(INFO) << "StochasticDepth leaves out some of " << blocks_.size() << " residual blocks";
}

COMPOSER_REGISTER(Algorithm, StochasticDepth);

}  // namespace composer
