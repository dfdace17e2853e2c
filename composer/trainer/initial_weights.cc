#include "composer/trainer/initial_weights.h"

#include <algorithm>

#include "composer/base/status.h"
#include "composer/checkpoint/named_tensors.h"
#include "composer/checkpoint/weights.h"
#include "composer/trainer/init_from.h"

namespace composer {
namespace {

absl::StatusOr<std::vector<std::string>> names_in(const config::Run& run) {
  if (run.has_init_from()) return init_from_names(run.init_from());
  COMPOSER_ASSIGN_OR_RETURN(const NamedTensors tensors, read_module_weights(run.weights()));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  return names;
}

size_t count_fitting(const std::vector<std::string>& names, const torch::nn::Module& model) {
  const auto parameters = model.named_parameters();
  const auto buffers = model.named_buffers();
  return std::count_if(names.begin(), names.end(), [&](const std::string& name) {
    return parameters.contains(name) || buffers.contains(name);
  });
}

}  // namespace

absl::Status InitialWeights::check(const config::Run& run) {
  if (!run.has_weights() || !run.has_init_from()) return absl::OkStatus();
  return field_error("init_from", "`weights` give weights to start from, too; keep one of the two");
}

absl::Status InitialWeights::load(torch::nn::Module& model, bool may_change) {
  first_ = copy_to(model);
  if (!may_change || !(run_.has_weights() || run_.has_init_from())) return first_;
  absl::StatusOr<std::vector<std::string>> names = names_in(run_);
  // What cannot be read fits no model.
  if (!names.ok()) return first_;
  names_ = *std::move(names);
  fitting_ = count_fitting(names_, model);
  return absl::OkStatus();
}

absl::Status InitialWeights::load_changed(torch::nn::Module& model) const {
  return count_fitting(names_, model) > fitting_ ? copy_to(model) : first_;
}

absl::Status InitialWeights::copy_to(torch::nn::Module& model) const {
  if (run_.has_weights()) {
    COMPOSER_RETURN_IF_ERROR(in_field("weights", load_weights(model, run_.weights())));
  }
  if (run_.has_init_from()) {
    COMPOSER_RETURN_IF_ERROR(in_field("init_from", init_from(model, run_.init_from())));
  }
  return absl::OkStatus();
}

}  // namespace composer
