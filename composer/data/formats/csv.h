#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace composer {

/// A row of a table: its fields, without the quotes around them.
struct CsvRow {
  /// The physical line that the row starts in, from 1.
  int64_t line = 0;
  std::vector<std::string> fields;
};

/// Gives the rows of a table in text with a separator (RFC 4180) to `use`, one after another, until
/// it returns an error. `name`, the file's, stands in messages.
///
/// Lines end in LF, CR LF or CR, the last one possibly without. Empty lines are no rows, and a
/// UTF-8 byte order mark is passed over. Spaces belong to the field they stand in. A field in
/// double quotes may hold separators, line ends and, doubled, quotes.
///
/// DataLoss names the file, the line and, where there is one, the byte in it: for a quote in the
/// middle of a field, a quoted field that does not end, a NUL (as in UTF-16), and a row that has
/// not as many fields as the first.
absl::Status read_csv(absl::string_view bytes, const std::string& name, char separator,
                      absl::FunctionRef<absl::Status(const CsvRow&)> use);

}  // namespace composer
