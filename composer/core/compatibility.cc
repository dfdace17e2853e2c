#include "composer/core/compatibility.h"

#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "composer/base/type_name.h"
#include "composer/core/model.h"

namespace composer {

absl::Status check_compatible(absl::Span<const std::unique_ptr<Algorithm>> algorithms,
                              const ComposerModel& model) {
  const Algorithm* interpolates = nullptr;
  const Algorithm* replaces = nullptr;
  for (const auto& algorithm : algorithms) {
    const AlgorithmTraits traits = algorithm->traits();
    if (traits.needs_per_sample_loss && !model.has_per_sample_loss()) {
      return absl::FailedPreconditionError(absl::StrCat(
          algorithm->name(), " chooses samples by their losses, and the model ",
          short_type_name(typeid(model)),
          " gives none; override its per_sample_loss and has_per_sample_loss, or leave ",
          algorithm->name(), " out"));
    }
    if (traits.interpolates_loss && interpolates != nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat(interpolates->name(), " and ", algorithm->name(),
                       " each compute a loss of their own in the place of the model's; leave one "
                       "out, or let one of them mix targets instead"));
    }
    if (traits.interpolates_loss) interpolates = algorithm.get();
    if (traits.replaces_targets) replaces = algorithm.get();
  }
  if (interpolates != nullptr && replaces != nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        interpolates->name(), " computes a loss of its own, which does not see the targets that ",
        replaces->name(), " puts in the batch; leave one out, or let ", interpolates->name(),
        " mix targets instead of losses"));
  }
  return absl::OkStatus();
}

}  // namespace composer
