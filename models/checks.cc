#include "models/checks.h"

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {

absl::Status check_positive(absl::string_view field, int64_t size) {
  if (size > 0) return absl::OkStatus();
  return field_error(field, absl::StrCat("must be at least 1, it is ", size));
}

absl::Status check_positive(absl::string_view field,
                            const google::protobuf::RepeatedField<int64_t>& sizes) {
  for (int i = 0; i < sizes.size(); ++i) {
    COMPOSER_RETURN_IF_ERROR(check_positive(absl::StrCat(field, "[", i, "]"), sizes[i]));
  }
  return absl::OkStatus();
}

absl::Status check_multiple(absl::string_view field, int64_t size, absl::string_view part_field,
                            int64_t part) {
  COMPOSER_RETURN_IF_ERROR(check_positive(field, size));
  COMPOSER_RETURN_IF_ERROR(check_positive(part_field, part));
  if (size % part == 0) return absl::OkStatus();
  return field_error(field, absl::StrCat("must be a multiple of ", part_field, ", which is ", part,
                                         "; it is ", size));
}

}  // namespace composer
