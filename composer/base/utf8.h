#pragma once

#include "absl/strings/string_view.h"

namespace composer {

/// Whether `text` is well-formed UTF-8 (Unicode, table 3-7): no overlong forms, no surrogates.
bool is_utf8(absl::string_view text);

}  // namespace composer
