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

/// Unless both are above 0 and `size`, the value of the config field `field`, is a multiple of
/// `part`, that of `part_field`: a field_error that names both.
absl::Status check_multiple(absl::string_view field, int64_t size, absl::string_view part_field,
                            int64_t part);

}  // namespace composer
