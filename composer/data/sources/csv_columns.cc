#include "composer/data/sources/csv_columns.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "composer/base/status.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

using Column = config::CsvColumn;

std::string field_path(int column, absl::string_view field) {
  return absl::StrCat("columns[", column, "].", field);
}

const std::string& tensor_of(const Column& column) {
  return column.has_tensor() ? column.tensor() : column.name();
}

absl::Status check_column(const config::Csv& config, int place) {
  const Column& column = config.columns(place);
  for (int other = 0; other < place; ++other) {
    if (config.columns(other).name() == column.name()) {
      return field_error(field_path(place, "name"),
                         absl::StrCat("the column ", quote_found(column.name()),
                                      " is named twice; columns[", other, "] is the other"));
    }
  }
  const bool is_float = column.type() == Column::FLOAT;
  if (tensor_of(column).empty()) {
    return field_error(field_path(place, column.has_tensor() ? "tensor" : "name"),
                       "expected a name");
  }
  if (column.missing() == Column::MEAN && !is_float) {
    return field_error(field_path(place, "missing"), "only FLOAT columns have a MEAN");
  }
  if (column.standardize() && !is_float) {
    return field_error(field_path(place, "standardize"), "only FLOAT columns are standardised");
  }
  if (column.unknown() != Column::REFUSE_UNKNOWN && column.type() != Column::CATEGORY) {
    return field_error(field_path(place, "unknown"), "only CATEGORY columns have unknown values");
  }
  if (!column.has_missing_value()) return absl::OkStatus();
  if (column.missing() != Column::FILL || column.type() == Column::CATEGORY) {
    return field_error(field_path(place, "missing_value"),
                       "it is for numbers with `missing: FILL`");
  }
  // Beyond 2^53 a double is no longer every whole number.
  const double limit = is_float ? std::numeric_limits<float>::max() : 0x1p53;
  const double value = column.missing_value();
  if (!(std::abs(value) <= limit) || (!is_float && value != std::floor(value))) {
    return field_error(
        field_path(place, "missing_value"),
        absl::StrCat("expected a ", is_float ? "finite float" : "whole number", ", found ", value));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status check_csv(const config::Csv& config) {
  if (config.has_separator()) {
    const std::string& separator = config.separator();
    if (separator.size() != 1 ||
        absl::string_view("\"\r\n", 4).find(separator[0]) != absl::string_view::npos) {
      return field_error(
          "separator",
          absl::StrCat("expected one character of ASCII, such as \";\" or \"\\t\", found ",
                       quote_found(separator)));
    }
  }
  if (config.has_learnt() && config.has_learn_from()) {
    return field_error("learnt", "either learnt or learn_from, not both");
  }
  if (config.columns().empty()) return field_error("columns", "no column is named");
  for (int i = 0; i < config.columns_size(); ++i) {
    COMPOSER_RETURN_IF_ERROR(check_column(config, i));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<CsvTensor>> csv_tensors(const config::Csv& config) {
  std::vector<CsvTensor> groups;
  for (int i = 0; i < config.columns_size(); ++i) {
    const std::string& name = tensor_of(config.columns(i));
    const auto group = std::find_if(groups.begin(), groups.end(),
                                    [&](const CsvTensor& group) { return group.name == name; });
    if (group == groups.end()) {
      groups.push_back({.name = name, .columns = {i}});
      continue;
    }
    const int first = group->columns.front();
    const bool is_float = config.columns(i).type() == Column::FLOAT;
    if (is_float != (config.columns(first).type() == Column::FLOAT)) {
      return field_error(
          field_path(i, "type"),
          absl::StrCat("the tensor ", quote_found(name), " would hold ",
                       is_float ? "floats beside the integers" : "integers beside the floats",
                       " of columns[", first, "]; give this column another tensor"));
    }
    group->columns.push_back(i);
  }
  return groups;
}

}  // namespace composer
