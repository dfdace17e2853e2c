#include "algorithms/label_smoothing.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/ge.h>

#include "absl/strings/str_cat.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {

at::Tensor smooth_labels(const at::Tensor& logits, const at::Tensor& targets, double smoothing) {
  const double uniform = smoothing / static_cast<double>(logits.size(1));
  const at::Tensor smoothed = dense_targets(logits, targets) * (1 - smoothing) + uniform;
  return are_classes(logits, targets) ? smoothed * targets.ge(0).unsqueeze(1) : smoothed;
}

absl::StatusOr<std::unique_ptr<Algorithm>> LabelSmoothing::create(const Config& config) {
  return try_make<LabelSmoothing>(config.smoothing(), config.target_key());
}

LabelSmoothing::LabelSmoothing(double smoothing, std::string target_key)
    : smoothing_(smoothing), target_key_(std::move(target_key)) {
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw_if_error(field_error("smoothing", absl::StrCat("must be from 0 to 1, not ", smoothing)));
  }
}

AlgorithmTraits LabelSmoothing::traits() const {
  return {.events = {Event::kBeforeLoss, Event::kAfterLoss},
          .replaces_targets = true,
          .paper = "Szegedy et al., 2015, arXiv:1512.00567"};
}

bool LabelSmoothing::match(Event event, const State& state) const {
  return event == Event::kBeforeLoss || event == Event::kAfterLoss;
}

void LabelSmoothing::apply(Event event, State& state, Logger& logger) {
  const std::string target(target_key_.empty() ? state.batch.target_name() : target_key_);
  if (event == Event::kBeforeLoss) {
    found_ = state.batch.at(target);
    state.batch.set(target, smooth_labels(logits_of(state.outputs, name()), found_, smoothing_));
  } else {
    state.batch.set(target, std::move(found_));
  }
}

COMPOSER_REGISTER(Algorithm, LabelSmoothing);

}  // namespace composer
