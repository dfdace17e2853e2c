#include "algorithms/no_op_model.h"

#include <ATen/ATen.h>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

at::Tensor squares(const Outputs& outputs, const Batch& batch) {
  const at::Tensor& output = outputs.at("output");
  const at::Tensor target = batch.at(batch.target_name()).to(output.scalar_type());
  return at::mse_loss(output, target, at::Reduction::None);
}

}  // namespace

TargetTimesWeight::TargetTimesWeight() {
  weights = register_parameter("weights", at::full({1}, 1.5));
}

Outputs TargetTimesWeight::forward(const Batch& batch) {
  return {{"output", batch.at(batch.target_name()) * weights}};
}

Loss TargetTimesWeight::loss(const Outputs& outputs, const Batch& batch) {
  return squares(outputs, batch).mean();
}

at::Tensor TargetTimesWeight::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  const at::Tensor each = squares(outputs, batch);
  return each.dim() == 1 ? each : each.flatten(1).mean(1);
}

absl::StatusOr<std::unique_ptr<Algorithm>> NoOpModel::create(const Config& config) {
  return std::make_unique<NoOpModel>();
}

AlgorithmTraits NoOpModel::traits() const {
  return {.events = {Event::kInit},
          .paper = "docs.mosaicml.com/projects/composer/en/stable/method_cards/no_op.html"};
}

bool NoOpModel::match(Event event, const State& state) const { return event == Event::kInit; }

void NoOpModel::apply(Event event, State& state, Logger& logger) {
  for (const auto& algorithm : state.algorithms) {
    if (!algorithm->traits().replaces_targets) continue;
    throw_if_error(absl::FailedPreconditionError(
        absl::StrCat("its outputs are the targets, which have no classes for ", algorithm->name(),
                     " to act on; leave ", algorithm->name(), " out")));
  }
  state.model = std::make_shared<TargetTimesWeight>();
  state.train_metrics = {};
  LOG(WARNING) << "NoOpModel: the model is replaced by one that learns nothing";
}

COMPOSER_REGISTER(Algorithm, NoOpModel);

}  // namespace composer
