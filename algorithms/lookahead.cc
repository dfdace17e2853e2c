#include "algorithms/lookahead.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <utility>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

std::vector<NamedParameter> parameters_of(const State& state) {
  std::vector<NamedParameter> parameters;
  for (const auto& optimizer : state.optimizers) {
    for (const ParameterGroup& group : optimizer->groups()) {
      parameters.insert(parameters.end(), group.parameters.begin(), group.parameters.end());
    }
  }
  return parameters;
}

}  // namespace

void look_ahead(at::TensorList slow, at::TensorList fast, double alpha) {
  TORCH_CHECK_VALUE(slow.size() == fast.size(), "expected as many slow weights as fast ones, got ",
                    slow.size(), " and ", fast.size());
  if (slow.empty()) return;
  const at::NoGradGuard no_grad;
  at::_foreach_lerp_(slow, fast, alpha);
  for (size_t i = 0; i < slow.size(); ++i) fast[i].copy_(slow[i]);
}

absl::StatusOr<std::unique_ptr<Algorithm>> Lookahead::create(const Config& config) {
  return try_make<Lookahead>(LookaheadOptions{.k = config.k(), .alpha = config.alpha()});
}

Lookahead::Lookahead(LookaheadOptions options) : options_(options) {
  if (options.k < 1) throw_if_error(field_error("k", "must be at least 1"));
  if (!(options.alpha > 0 && options.alpha <= 1)) {
    throw_if_error(field_error("alpha", "must be above 0 and at most 1"));
  }
}

AlgorithmTraits Lookahead::traits() const {
  return {.events = {Event::kBatchStart, Event::kBatchEnd},
          .paper = "Zhang et al., 2019, arXiv:1907.08610"};
}

bool Lookahead::match(Event event, const State& state) const {
  if (event == Event::kBatchStart) return slow_.empty();
  return event == Event::kBatchEnd && state.timestamp.batch % options_.k == 0;
}

void Lookahead::apply(Event event, State& state, Logger& logger) {
  const at::NoGradGuard no_grad;
  if (event == Event::kBatchStart) {
    for (const auto& [name, tensor] : parameters_of(state)) {
      slow_.insert_or_assign(name, tensor.detach().clone());
    }
    return;
  }
  std::vector<at::Tensor> slow, fast;
  for (const auto& [name, tensor] : parameters_of(state)) {
    const auto position = slow_.find(name);
    TORCH_CHECK_VALUE(position != slow_.end() && position->second.sizes() == tensor.sizes(),
                      "the slow weights that were loaded have no \"", name,
                      "\", or of another shape than the model");
    // Loaded ones are on the CPU.
    position->second = position->second.to(tensor.options());
    slow.push_back(position->second);
    fast.push_back(tensor);
  }
  look_ahead(slow, fast, options_.alpha);
}

StateDict Lookahead::state_dict() const {
  StateDict state;
  for (const auto& [name, tensor] : slow_) state.set(name, tensor);
  return state;
}

absl::Status Lookahead::load_state_dict(const StateDict& state) {
  slow_.clear();
  for (const auto& [name, tensor] : state.tensors()) slow_.emplace(name, tensor.clone());
  return absl::OkStatus();
}

COMPOSER_REGISTER(Algorithm, Lookahead);

}  // namespace composer
