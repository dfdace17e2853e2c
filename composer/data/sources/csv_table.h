#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace composer {

namespace config {
class Csv;
class CsvColumn;
}  // namespace config

/// The values of one column, as they stand in the file.
struct CsvValues {
  static constexpr int64_t kMissing = -1;

  /// Of a FLOAT column; 0 where missing.
  std::vector<double> floats;
  /// Of an INTEGER column, 0 where missing; of a CATEGORY column the place in `words`, or kMissing.
  std::vector<int64_t> integers;
  /// The rows without a value.
  std::vector<int64_t> missing;
  /// The texts of a CATEGORY column, in the order in which they first come.
  std::vector<std::string> words;
  /// The line in which each of them first comes.
  std::vector<int64_t> word_lines;
};

struct CsvTable {
  int64_t num_rows = 0;
  /// One for each chosen column.
  std::vector<CsvValues> columns;
};

/// Reads the columns at the places `chosen` of `config.columns()` from `path`, a file of the form
/// that `config` describes. Numbers are read strictly: a whole field, spaces around it aside, that
/// is finite. A field that is empty or one of missing_words, spaces around it aside, is missing.
///
/// Errors are about the field `path_field`, for the file ("FILE: line 3, column \"age\": expected a
/// number, found \"old\""), or "columns[i].name" for a column that the file has not, or twice.
absl::StatusOr<CsvTable> read_csv_table(const config::Csv& config, const std::string& path,
                                        absl::string_view path_field, absl::Span<const int> chosen);

}  // namespace composer
