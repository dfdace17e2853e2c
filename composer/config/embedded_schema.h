#pragma once

#include "absl/strings/string_view.h"

namespace composer {

/// The schema (//proto:descriptor_sets) as a serialised FileDescriptorSet with its comments.
absl::string_view embedded_schema();

}  // namespace composer
