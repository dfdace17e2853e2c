#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// Where the lines of a text start that are not blank: one pass, which looks at line ends alone. A
/// UTF-8 byte order mark at the text's start is passed over.
std::vector<int64_t> json_line_offsets(absl::string_view text);

/// Where the first line that is not blank starts, from `position` on, which is where a line starts;
/// the text's size when there is none.
int64_t next_json_line(absl::string_view text, int64_t position);

/// The line at `offset` of a text, without its end (LF or CR LF).
absl::string_view line_at(absl::string_view text, int64_t offset);

/// The object on the line at `offset` of `text`. `name`, the file's, stands in messages.
///
/// DataLoss names the file, the line and the byte of the file, for what is no JSON (RFC 8259) or
/// no object, for text that is not UTF-8, numbers beyond a double, a key that comes twice in one
/// object, and arrays and objects more than 64 deep.
absl::StatusOr<nlohmann::json> parse_json_line(absl::string_view text, int64_t offset,
                                               const std::string& name);

/// The same for a text that is one JSON object over any number of lines.
absl::StatusOr<nlohmann::json> parse_json_object(absl::string_view text, const std::string& name);

/// "FILE: line 3, byte 120": for messages about the line at `offset`. Counts the lines before it.
std::string json_line_place(absl::string_view text, int64_t offset, const std::string& name);

}  // namespace composer
