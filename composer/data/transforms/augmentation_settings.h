#pragma once

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/transforms/augmentation.h"
#include "proto/transform.pb.h"

namespace composer {

inline AugmentationSet augmentation_set_of(config::Augmentations::Set set) {
  switch (set) {
    case config::Augmentations::ALL:
      return AugmentationSet::kAll;
    case config::Augmentations::SAFE:
      return AugmentationSet::kSafe;
    case config::Augmentations::ORIGINAL:
      return AugmentationSet::kOriginal;
  }
  return AugmentationSet::kAll;
}

/// Errors are about "severity".
inline absl::Status check_severity(double severity) {
  if (severity >= 0 && severity <= 10) return absl::OkStatus();
  return field_error("severity", absl::StrCat("severity is ", severity, "; expected 0 to 10"));
}

}  // namespace composer
