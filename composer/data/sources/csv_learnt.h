#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/data/sources/csv_table.h"

namespace composer {

/// What is learnt of one column.
struct LearntColumn {
  /// Of a CATEGORY column: its texts in the order of their bytes, which numbers them from 0.
  std::vector<std::string> categories;
  /// Of a FLOAT column: of the values that are there, the deviation being the population's. The
  /// deviation of values that are all the same is taken for 1.
  double mean = 0;
  double deviation = 1;
};

/// What is learnt of a table, by the columns' names.
using LearntColumns = std::map<std::string, LearntColumn>;

/// The places in `config.columns()` of those that learn: categories, and floats that are
/// standardised or whose missing values become the mean.
std::vector<int> learning_columns(const config::Csv& config);

/// `table` holds the columns at the places `chosen` of `config`. An error is about the field
/// "columns[i]", for floats of which none is there.
absl::StatusOr<LearntColumns> learn_columns(const config::Csv& config, const CsvTable& table,
                                            absl::Span<const int> chosen);

/// JSON: {"columns": {"city": {"categories": ["Bern", "Rome"]}, "age": {"mean": 41.5, "std": 9}}}.
std::string learnt_text(const config::Csv& config, const LearntColumns& learnt);

/// Reads that text back. It must tell of the columns that learn, in their form, and of no others.
/// Errors are about the field "learnt"; `name`, the file's, stands in messages.
absl::StatusOr<LearntColumns> parse_learnt(const config::Csv& config, absl::string_view text,
                                           const std::string& name);

}  // namespace composer
