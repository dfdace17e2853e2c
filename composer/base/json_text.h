#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace composer {

/// Appends `text` as a JSON string, quotes included. Bytes above 0x7f are taken for UTF-8 and stay.
void append_json_string(std::string& out, absl::string_view text);

/// `text` as a JSON string, quotes included.
std::string json_quote(absl::string_view text);

/// Appends the shortest text that reads back to `value`. JSON has no NaN and no infinity: `null`.
void append_json_number(std::string& out, double value);

}  // namespace composer
