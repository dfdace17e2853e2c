#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_field.h"

namespace composer {

/// A field_error unless `size`, the value of the config field `field`, is above 0.
absl::Status check_positive(absl::string_view field, int64_t size);

/// The same for each element of a list; the error names the first that is not.
absl::Status check_positive(absl::string_view field,
                            const google::protobuf::RepeatedField<int64_t>& sizes);

}  // namespace composer
