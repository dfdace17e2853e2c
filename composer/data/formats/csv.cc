#include "composer/data/formats/csv.h"

#include <csv.h>

#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "composer/base/status.h"

namespace composer {
namespace {

constexpr size_t kBufferStep = 4096;

int is_never_space(unsigned char) { return 0; }

// libcsv's parser, fed line by line so that positions are known.
class Parser {
 public:
  Parser(const std::string& name, char separator) : name_(name) {
    csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_delim(&parser_, static_cast<unsigned char>(separator));
    csv_set_space_func(&parser_, is_never_space);
    csv_set_blk_size(&parser_, kBufferStep);
  }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // Takes one physical line, its end included, which completes at most one row.
  absl::Status feed(absl::string_view line) {
    ++line_;
    if (row_.line == 0) {
      if (line.find_first_not_of("\r\n") == absl::string_view::npos) return absl::OkStatus();
      row_.line = line_;
    }
    if (const void* nul = std::memchr(line.data(), '\0', line.size())) {
      return damaged(static_cast<const char*>(nul) - line.data(),
                     "expected text, found a NUL byte; tables are read as UTF-8, not UTF-16");
    }
    const size_t parsed =
        csv_parse(&parser_, line.data(), line.size(), &Parser::on_field, &Parser::on_row, this);
    if (parsed == line.size()) return absl::OkStatus();
    if (csv_error(&parser_) == CSV_ENOMEM) return absl::ResourceExhaustedError(name_);
    return damaged(
        parsed > 0 && line[parsed - 1] == '"' ? parsed - 1 : parsed,
        "found a stray quote; expected a field with quotes in it to stand in quotes, and "
        "each of them to be doubled");
  }

  // Completes the last row, which may have no line end.
  absl::Status finish() {
    if (csv_fini(&parser_, &Parser::on_field, &Parser::on_row, this) == 0) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat(name_, ": line ", row_.line,
                                            ": a field of the row that starts here has an opening "
                                            "quote and no closing one up to the file's end"));
  }

  // Hands a completed row to `use`.
  absl::Status flush(absl::FunctionRef<absl::Status(const CsvRow&)> use) {
    if (!complete_) return absl::OkStatus();
    if (width_ == 0) width_ = row_.fields.size();
    if (row_.fields.size() != width_) {
      return absl::DataLossError(absl::StrCat(name_, ": line ", row_.line, ": expected ", width_,
                                              width_ == 1 ? " field" : " fields",
                                              " as in the first row, found ", row_.fields.size()));
    }
    const absl::Status status = use(row_);
    row_.line = 0;
    row_.fields.clear();
    complete_ = false;
    return status;
  }

 private:
  static void on_field(void* field, size_t size, void* self) {
    static_cast<Parser*>(self)->row_.fields.emplace_back(static_cast<const char*>(field), size);
  }
  static void on_row(int, void* self) { static_cast<Parser*>(self)->complete_ = true; }

  absl::Status damaged(size_t byte, absl::string_view what) const {
    return absl::DataLossError(
        absl::StrCat(name_, ": line ", line_, ", byte ", byte + 1, ": ", what));
  }

  const std::string& name_;
  csv_parser parser_;
  int64_t line_ = 0;
  CsvRow row_;
  bool complete_ = false;
  size_t width_ = 0;
};

// Takes the first physical line off `rest`.
absl::string_view take_line(absl::string_view& rest) {
  size_t end = rest.find_first_of("\r\n");
  if (end == absl::string_view::npos) {
    end = rest.size();
  } else {
    end += absl::StartsWith(rest.substr(end), "\r\n") ? 2 : 1;
  }
  const absl::string_view line = rest.substr(0, end);
  rest.remove_prefix(end);
  return line;
}

}  // namespace

absl::Status read_csv(absl::string_view bytes, const std::string& name, char separator,
                      absl::FunctionRef<absl::Status(const CsvRow&)> use) {
  absl::ConsumePrefix(&bytes, "\xef\xbb\xbf");
  Parser parser(name, separator);
  while (!bytes.empty()) {
    COMPOSER_RETURN_IF_ERROR(parser.feed(take_line(bytes)));
    COMPOSER_RETURN_IF_ERROR(parser.flush(use));
  }
  COMPOSER_RETURN_IF_ERROR(parser.finish());
  return parser.flush(use);
}

}  // namespace composer
