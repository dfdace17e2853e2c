#include "composer/data/sources/csv_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/base/utf8.h"
#include "composer/data/formats/csv.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

absl::string_view without_plus(absl::string_view text) {
  const bool is_signed = text.size() > 1 && text[0] == '+' && text[1] != '-' && text[1] != '+';
  return is_signed ? text.substr(1) : text;
}

// The whole of `text` as a number that a float holds.
bool parse_float(absl::string_view text, double& value) {
  text = without_plus(text);
  // No hexadecimal, infinity or NaN, which from_chars takes.
  if (text.find_first_not_of("0123456789+-.eE") != absl::string_view::npos) return false;
  const char* const end = text.data() + text.size();
  const absl::from_chars_result result = absl::from_chars(text.data(), end, value);
  // What is too small for a double is out of range too, and given as nearly 0.
  return result.ptr == end && !text.empty() && result.ec != std::errc::invalid_argument &&
         std::abs(value) <= std::numeric_limits<float>::max();
}

bool parse_integer(absl::string_view text, int64_t& value) {
  text = without_plus(text);
  const char* const end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, value);
  return result.ptr == end && result.ec == std::errc();
}

// Takes the fields of one column.
class ColumnReader {
 public:
  ColumnReader(const config::CsvColumn& config,
               const google::protobuf::RepeatedPtrField<std::string>& missing_words)
      : config_(config), missing_words_(missing_words) {}

  // What is wrong with a field; empty when it was taken.
  std::string take(const std::string& field, int64_t row, int64_t line) {
    const absl::string_view value = absl::StripAsciiWhitespace(field);
    const bool is_missing = value.empty() || std::find(missing_words_.begin(), missing_words_.end(),
                                                       value) != missing_words_.end();
    if (is_missing) {
      if (config_.missing() == config::CsvColumn::REFUSE) {
        return absl::StrCat("the value is missing (", quote_found(field),
                            "); `missing` says what else to do than to refuse it");
      }
      values_.missing.push_back(row);
    }
    switch (config_.type()) {
      case config::CsvColumn::FLOAT: {
        double number = 0;
        if (!is_missing && !parse_float(value, number)) return expected("a finite float", field);
        values_.floats.push_back(number);
        return "";
      }
      case config::CsvColumn::INTEGER: {
        int64_t number = 0;
        if (!is_missing && !parse_integer(value, number)) {
          return expected("a whole number of 64 bits", field);
        }
        values_.integers.push_back(number);
        return "";
      }
      case config::CsvColumn::CATEGORY:
        return is_missing ? take_word(CsvValues::kMissing) : take_word(field, line);
    }
    return "";
  }

  CsvValues take_values() { return std::move(values_); }

 private:
  static std::string expected(absl::string_view what, absl::string_view found) {
    return absl::StrCat("expected ", what, ", found ", quote_found(found));
  }

  std::string take_word(int64_t place) {
    values_.integers.push_back(place);
    return "";
  }

  std::string take_word(const std::string& word, int64_t line) {
    const auto [known, is_new] = places_.try_emplace(word, values_.words.size());
    if (is_new) {
      if (!is_utf8(word)) return expected("UTF-8", word);
      values_.words.push_back(word);
      values_.word_lines.push_back(line);
    }
    return take_word(known->second);
  }

  const config::CsvColumn& config_;
  const google::protobuf::RepeatedPtrField<std::string>& missing_words_;
  CsvValues values_;
  absl::flat_hash_map<std::string, int64_t> places_;
};

char separator_of(const config::Csv& config, const std::string& path) {
  if (config.has_separator()) return config.separator()[0];
  return absl::EndsWithIgnoreCase(path, ".tsv") ? '\t' : ',';
}

// Where in a row each chosen column stands.
absl::StatusOr<std::vector<size_t>> places_of(const config::Csv& config, const std::string& path,
                                              absl::Span<const int> chosen,
                                              const std::vector<std::string>& names) {
  std::vector<size_t> places;
  for (const int column : chosen) {
    const std::string& name = config.columns(column).name();
    const auto found = std::find(names.begin(), names.end(), name);
    const std::string field = absl::StrCat("columns[", column, "].name");
    if (found == names.end()) {
      return field_error(
          field, absl::StrCat(path, " has no column ", quote_found(name), hint(name, names)));
    }
    if (std::find(found + 1, names.end(), name) != names.end()) {
      return field_error(field,
                         absl::StrCat(path, " has more than one column ", quote_found(name)));
    }
    places.push_back(found - names.begin());
  }
  return places;
}

std::vector<std::string> numbered_names(size_t count) {
  std::vector<std::string> names;
  for (size_t i = 0; i < count; ++i) names.push_back(absl::StrCat(i));
  return names;
}

}  // namespace

absl::StatusOr<CsvTable> read_csv_table(const config::Csv& config, const std::string& path,
                                        absl::string_view path_field,
                                        absl::Span<const int> chosen) {
  const absl::StatusOr<MappedFile> file = MappedFile::open(path, MappedFile::Access::SEQUENTIAL);
  if (!file.ok()) return field_error(path_field, file.status().message());
  CsvTable table;
  std::vector<ColumnReader> readers;
  for (const int column : chosen) {
    readers.emplace_back(config.columns(column), config.missing_words());
  }
  std::vector<size_t> places;
  bool is_first = true;
  const auto use = [&](const CsvRow& row) -> absl::Status {
    if (std::exchange(is_first, false)) {
      COMPOSER_ASSIGN_OR_RETURN(
          places, places_of(config, path, chosen,
                            config.header() ? row.fields : numbered_names(row.fields.size())));
      if (config.header()) return absl::OkStatus();
    }
    for (size_t i = 0; i < readers.size(); ++i) {
      const std::string problem = readers[i].take(row.fields[places[i]], table.num_rows, row.line);
      if (!problem.empty()) {
        return field_error(
            path_field, absl::StrCat(path, ": line ", row.line, ", column ",
                                     quote_found(config.columns(chosen[i]).name()), ": ", problem));
      }
    }
    ++table.num_rows;
    return absl::OkStatus();
  };
  const absl::string_view bytes(reinterpret_cast<const char*>(file->bytes().data()),
                                file->bytes().size());
  const absl::Status status = read_csv(bytes, path, separator_of(config, path), use);
  if (!status.ok()) {
    return field_of(status).empty() ? field_error(path_field, status.message()) : status;
  }
  if (table.num_rows == 0) {
    return field_error(path_field,
                       absl::StrCat(path, " has no rows", is_first ? "" : " below its header"));
  }
  for (ColumnReader& reader : readers) table.columns.push_back(reader.take_values());
  return table;
}

}  // namespace composer
