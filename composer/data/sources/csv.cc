#include "composer/data/sources/csv.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/sources/csv_columns.h"
#include "composer/data/sources/csv_learnt.h"
#include "composer/data/sources/csv_table.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

using Column = config::CsvColumn;

// What was learnt elsewhere; from `table`, of all columns, when the config names no file.
absl::StatusOr<LearntColumns> learn(const config::Csv& config, const CsvTable& table,
                                    absl::Span<const int> all) {
  if (config.has_learnt()) {
    const absl::StatusOr<MappedFile> file = MappedFile::open(config.learnt());
    if (!file.ok()) return field_error("learnt", file.status().message());
    return parse_learnt(config,
                        {reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size()},
                        config.learnt());
  }
  if (!config.has_learn_from()) return learn_columns(config, table, all);
  const std::vector<int> chosen = learning_columns(config);
  COMPOSER_ASSIGN_OR_RETURN(const CsvTable other,
                            read_csv_table(config, config.learn_from(), "learn_from", chosen));
  return learn_columns(config, other, chosen);
}

// Turns the places of a column's words into those of their categories.
absl::Status number_categories(const config::Csv& config, int place, const LearntColumn& learnt,
                               CsvValues& values) {
  const Column& column = config.columns(place);
  const std::vector<std::string>& categories = learnt.categories;
  const int64_t unknown = static_cast<int64_t>(categories.size());
  const int64_t missing = unknown + (column.unknown() == Column::OWN_CATEGORY ? 1 : 0);
  std::vector<int64_t> numbers;
  for (size_t i = 0; i < values.words.size(); ++i) {
    const std::string& word = values.words[i];
    const auto known = std::lower_bound(categories.begin(), categories.end(), word);
    if (known != categories.end() && *known == word) {
      numbers.push_back(known - categories.begin());
    } else if (column.unknown() == Column::OWN_CATEGORY) {
      numbers.push_back(unknown);
    } else {
      return field_error("file",
                         absl::StrCat(config.file(), ": line ", values.word_lines[i], ", column ",
                                      quote_found(column.name()), ": expected one of the ", unknown,
                                      " categories that were learnt, found ", quote_found(word),
                                      hint(word, categories)));
    }
  }
  for (int64_t& number : values.integers) {
    number = number == CsvValues::kMissing ? missing : numbers[number];
  }
  return absl::OkStatus();
}

// Writes a column's final values, `stride` apart.
template <typename T, typename Value>
void write(const std::vector<T>& values, int64_t stride, Value* out) {
  for (size_t row = 0; row < values.size(); ++row) {
    out[static_cast<int64_t>(row) * stride] = static_cast<Value>(values[row]);
  }
}

absl::Status finish_column(const config::Csv& config, int place, const LearntColumns& learnt,
                           CsvValues& values) {
  const Column& column = config.columns(place);
  const auto known = learnt.find(column.name());
  if (column.type() == Column::CATEGORY) {
    return number_categories(config, place, known->second, values);
  }
  const bool to_mean = column.missing() == Column::MEAN;
  for (const int64_t row : values.missing) {
    if (column.type() == Column::INTEGER) {
      values.integers[row] = static_cast<int64_t>(column.missing_value());
    } else {
      values.floats[row] = to_mean ? known->second.mean : column.missing_value();
    }
  }
  if (known == learnt.end()) return absl::OkStatus();
  for (double& value : values.floats) {
    if (column.standardize()) value = (value - known->second.mean) / known->second.deviation;
    if (!(std::abs(value) <= std::numeric_limits<float>::max())) {
      return field_error(
          "file",
          absl::StrCat(config.file(), ": column ", quote_found(column.name()),
                       ": with what was learnt, mean ", known->second.mean, " and deviation ",
                       known->second.deviation, ", a value is beyond a float"));
    }
  }
  return absl::OkStatus();
}

at::Tensor assemble(const config::Csv& config, const CsvTensor& group, const CsvTable& table) {
  const int64_t width = static_cast<int64_t>(group.columns.size());
  const bool is_float = config.columns(group.columns[0]).type() == Column::FLOAT;
  std::vector<int64_t> shape = {table.num_rows};
  if (width > 1) shape.push_back(width);
  at::Tensor tensor = at::empty(shape, is_float ? at::kFloat : at::kLong);
  for (int64_t k = 0; k < width; ++k) {
    const CsvValues& values = table.columns[group.columns[k]];
    if (is_float) {
      write(values.floats, width, tensor.mutable_data_ptr<float>() + k);
    } else {
      write(values.integers, width, tensor.mutable_data_ptr<int64_t>() + k);
    }
  }
  return tensor;
}

}  // namespace

absl::StatusOr<std::shared_ptr<Csv>> Csv::create(const Config& config) {
  COMPOSER_RETURN_IF_ERROR(check_csv(config));
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<CsvTensor> tensors, csv_tensors(config));
  std::vector<int> all(config.columns_size());
  std::iota(all.begin(), all.end(), 0);
  COMPOSER_ASSIGN_OR_RETURN(CsvTable table, read_csv_table(config, config.file(), "file", all));

  std::optional<Learnt> saved;
  LearntColumns learnt;
  if (!learning_columns(config).empty()) {
    COMPOSER_ASSIGN_OR_RETURN(learnt, learn(config, table, all));
    saved = Learnt{.text = learnt_text(config, learnt),
                   .from_own_samples = !config.has_learnt() && !config.has_learn_from()};
  }
  for (const int place : all) {
    COMPOSER_RETURN_IF_ERROR(finish_column(config, place, learnt, table.columns[place]));
  }
  TensorDict rows;
  for (const CsvTensor& tensor : tensors) rows.set(tensor.name, assemble(config, tensor, table));
  return std::shared_ptr<Csv>(new Csv(
      TensorDataset(std::move(rows), name_with_files("csv", {config.file()})), std::move(saved)));
}

Csv::Csv(TensorDataset rows, std::optional<Learnt> learnt)
    : rows_(std::move(rows)), learnt_(std::move(learnt)) {}

COMPOSER_REGISTER(Dataset, Csv);

}  // namespace composer
