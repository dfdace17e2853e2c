#include "composer/core/compatibility.h"

#include <typeinfo>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/base/type_name.h"
#include "composer/core/model.h"

namespace composer {

absl::Status check_compatible(const Algorithm& one, const Algorithm& other) {
  const AlgorithmTraits ones = one.traits(), others = other.traits();
  if (ones.interpolates_loss && others.interpolates_loss) {
    return absl::FailedPreconditionError(
        absl::StrCat(one.name(), " and ", other.name(),
                     " each compute a loss of their own in the place of the model's; leave one "
                     "out, or let one of them mix targets instead"));
  }
  if (others.interpolates_loss && ones.replaces_targets) return check_compatible(other, one);
  if (ones.interpolates_loss && others.replaces_targets) {
    return absl::FailedPreconditionError(absl::StrCat(
        one.name(), " computes a loss of its own, which does not see the targets that ",
        other.name(), " puts in the batch; leave one out, or let ", one.name(),
        " mix targets instead of losses"));
  }
  return absl::OkStatus();
}

absl::Status check_compatible(absl::Span<const std::unique_ptr<Algorithm>> algorithms,
                              const ComposerModel& model) {
  for (size_t i = 0; i < algorithms.size(); ++i) {
    const Algorithm& algorithm = *algorithms[i];
    if (algorithm.traits().needs_per_sample_loss && !model.has_per_sample_loss()) {
      return absl::FailedPreconditionError(absl::StrCat(
          algorithm.name(), " chooses samples by their losses, and the model ",
          short_type_name(typeid(model)),
          " gives none; override its per_sample_loss and has_per_sample_loss, or leave ",
          algorithm.name(), " out"));
    }
    for (size_t before = 0; before < i; ++before) {
      COMPOSER_RETURN_IF_ERROR(check_compatible(*algorithms[before], algorithm));
    }
  }
  return absl::OkStatus();
}

}  // namespace composer
