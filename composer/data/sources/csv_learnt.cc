#include "composer/data/sources/csv_learnt.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/formats/json_lines.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

using nlohmann::json;

// `values.floats` without those at `values.missing`, which is in order.
std::vector<double> present(const CsvValues& values) {
  std::vector<double> result;
  size_t next = 0;
  for (size_t row = 0; row < values.floats.size(); ++row) {
    if (next < values.missing.size() && values.missing[next] == static_cast<int64_t>(row)) {
      ++next;
    } else {
      result.push_back(values.floats[row]);
    }
  }
  return result;
}

void learn_floats(const std::vector<double>& values, LearntColumn& learnt) {
  const double count = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  learnt.mean = sum / count;
  double squares = 0;
  for (const double value : values) squares += (value - learnt.mean) * (value - learnt.mean);
  const bool varies = std::any_of(values.begin(), values.end(),
                                  [&](double value) { return value != values.front(); });
  learnt.deviation = varies ? std::sqrt(squares / count) : 1;
}

// What is wrong with a column's part of the text; empty when it was taken.
std::string take(const json& part, config::CsvColumn::Type type, LearntColumn& learnt) {
  if (type == config::CsvColumn::CATEGORY) {
    const auto categories = part.find("categories");
    if (part.size() != 1 || categories == part.end() || !categories->is_array()) {
      return "expected {\"categories\": [...]} for its type, CATEGORY";
    }
    for (const json& category : *categories) {
      if (!category.is_string()) return "expected categories that are strings";
      learnt.categories.push_back(category.get<std::string>());
    }
    const auto& sorted = learnt.categories;
    if (std::adjacent_find(sorted.begin(), sorted.end(), std::greater_equal<>()) != sorted.end()) {
      return "expected categories in the order of their bytes, each once";
    }
    return "";
  }
  const auto mean = part.find("mean");
  const auto deviation = part.find("std");
  if (part.size() != 2 || mean == part.end() || deviation == part.end() || !mean->is_number() ||
      !deviation->is_number()) {
    return "expected {\"mean\": ..., \"std\": ...} for its type, FLOAT";
  }
  learnt.mean = mean->get<double>();
  learnt.deviation = deviation->get<double>();
  return learnt.deviation > 0 ? "" : "expected a std above 0";
}

}  // namespace

std::vector<int> learning_columns(const config::Csv& config) {
  std::vector<int> places;
  for (int i = 0; i < config.columns_size(); ++i) {
    const config::CsvColumn& column = config.columns(i);
    const bool learns = column.type() == config::CsvColumn::CATEGORY || column.standardize() ||
                        column.missing() == config::CsvColumn::MEAN;
    if (learns) places.push_back(i);
  }
  return places;
}

absl::StatusOr<LearntColumns> learn_columns(const config::Csv& config, const CsvTable& table,
                                            absl::Span<const int> chosen) {
  LearntColumns learnt;
  for (const int place : learning_columns(config)) {
    const size_t k = std::find(chosen.begin(), chosen.end(), place) - chosen.begin();
    const CsvValues& values = table.columns[k];
    LearntColumn& column = learnt[config.columns(place).name()];
    if (config.columns(place).type() == config::CsvColumn::CATEGORY) {
      column.categories = values.words;
      std::sort(column.categories.begin(), column.categories.end());
      continue;
    }
    const std::vector<double> floats = present(values);
    if (floats.empty()) {
      return field_error(absl::StrCat("columns[", place, "]"),
                         absl::StrCat("the column ", quote_found(config.columns(place).name()),
                                      " has no value to learn a mean from"));
    }
    learn_floats(floats, column);
  }
  return learnt;
}

std::string learnt_text(const config::Csv& config, const LearntColumns& learnt) {
  json columns = json::object();
  for (const int place : learning_columns(config)) {
    const config::CsvColumn& column = config.columns(place);
    const LearntColumn& known = learnt.at(column.name());
    columns[column.name()] = column.type() == config::CsvColumn::CATEGORY
                                 ? json{{"categories", known.categories}}
                                 : json{{"mean", known.mean}, {"std", known.deviation}};
  }
  return json{{"columns", std::move(columns)}}.dump(/*indent=*/2) + "\n";
}

absl::StatusOr<LearntColumns> parse_learnt(const config::Csv& config, absl::string_view text,
                                           const std::string& name) {
  const auto refuse = [&](absl::string_view what) {
    return field_error("learnt", absl::StrCat(name, ": ", what));
  };
  const absl::StatusOr<json> root = parse_json_object(text, name);
  if (!root.ok()) return field_error("learnt", root.status().message());
  const auto columns = root->find("columns");
  if (root->size() != 1 || columns == root->end() || !columns->is_object()) {
    return refuse("expected {\"columns\": {...}}, as a training run saves it");
  }
  LearntColumns learnt;
  std::vector<std::string> names;
  for (const int place : learning_columns(config)) {
    const config::CsvColumn& column = config.columns(place);
    names.push_back(column.name());
    const auto part = columns->find(column.name());
    if (part == columns->end()) {
      std::vector<std::string> known;
      for (const auto& [key, value] : columns->items()) known.push_back(key);
      return refuse(absl::StrCat("it tells nothing of the column ", quote_found(column.name()),
                                 hint(column.name(), known)));
    }
    const std::string problem = take(*part, column.type(), learnt[column.name()]);
    if (!problem.empty()) {
      return refuse(absl::StrCat("column ", quote_found(column.name()), ": ", problem));
    }
  }
  for (const auto& [key, value] : columns->items()) {
    if (learnt.count(key) == 0) {
      return refuse(absl::StrCat("it tells of the column ", quote_found(key),
                                 ", which the config does not have, or not as one that learns",
                                 hint(key, names)));
    }
  }
  return learnt;
}

}  // namespace composer
