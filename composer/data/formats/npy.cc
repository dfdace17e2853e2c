#include "composer/data/formats/npy.h"

#include <bit>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/status.h"

namespace composer {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are used where they lie");

constexpr absl::string_view kMagic = "\x93NUMPY";
constexpr size_t kVersionEnd = 8;
// NumPy's own limit.
constexpr size_t kMaxDimensions = 64;

// At most so much of a file's text goes into a message.
std::string excerpt(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, 40)), text.size() > 40 ? "..." : "",
                      "\"");
}

struct Fields {
  std::string descr;
  bool fortran_order = false;
  std::vector<int64_t> shape;
};

// Reads the dictionary, a Python literal, token by token. The first error stays.
class HeaderReader {
 public:
  HeaderReader(absl::string_view name, absl::string_view text, size_t offset)
      : name_(name), text_(text), offset_(offset) {}

  absl::StatusOr<Fields> read() {
    Fields fields;
    expect('{');
    while (status_.ok() && !accept('}')) {
      read_entry(fields);
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (status_.ok() && position_ < text_.size()) fail("the end of the header");
    if (status_.ok() && !(has_descr_ && has_order_ && has_shape_)) {
      fail("a header with 'descr', 'fortran_order' and 'shape'");
    }
    if (!status_.ok()) return status_;
    return fields;
  }

 private:
  void read_entry(Fields& fields) {
    const std::string key = string();
    expect(':');
    if (!status_.ok()) return;
    if (key == "descr" && !has_descr_) {
      has_descr_ = true;
      fields.descr = read_descr();
    } else if (key == "fortran_order" && !has_order_) {
      has_order_ = true;
      fields.fortran_order = read_bool();
    } else if (key == "shape" && !has_shape_) {
      has_shape_ = true;
      fields.shape = read_shape();
    } else {
      fail("the keys 'descr', 'fortran_order' and 'shape', each once, before this");
    }
  }

  std::string read_descr() {
    skip_space();
    if (position_ < text_.size() && text_[position_] == '[') {
      unimplemented(
          "records (a structured dtype); save each field as an array of its own: "
          "numpy.savez(file, **{name: array[name] for name in array.dtype.names})");
      return "";
    }
    return string();
  }

  bool read_bool() {
    skip_space();
    for (const auto& [word, value] : {std::pair("True", true), std::pair("False", false)}) {
      if (absl::StartsWith(text_.substr(position_), word)) {
        position_ += absl::string_view(word).size();
        return value;
      }
    }
    fail("True or False");
    return false;
  }

  std::vector<int64_t> read_shape() {
    std::vector<int64_t> shape;
    expect('(');
    while (status_.ok() && !accept(')')) {
      if (shape.size() == kMaxDimensions) fail(absl::StrCat("at most ", kMaxDimensions, " sizes"));
      shape.push_back(integer());
      if (!accept(',')) {
        // Python's (3) is no tuple.
        if (shape.size() == 1) fail("a comma");
        expect(')');
        break;
      }
    }
    return shape;
  }

  int64_t integer() {
    skip_space();
    size_t end = position_;
    while (end < text_.size() && absl::ascii_isdigit(text_[end])) ++end;
    int64_t value = 0;
    if (!absl::SimpleAtoi(text_.substr(position_, end - position_), &value)) {
      fail("a size from 0 to 2^63 - 1");
      return 0;
    }
    position_ = end;
    // Python 2 wrote long integers so.
    if (position_ < text_.size() && text_[position_] == 'L') ++position_;
    return value;
  }

  std::string string() {
    skip_space();
    const char quote = position_ < text_.size() ? text_[position_] : '\0';
    if (quote != '\'' && quote != '"') {
      fail("a string");
      return "";
    }
    const size_t end = text_.find(quote, position_ + 1);
    const absl::string_view value = text_.substr(position_ + 1, end - position_ - 1);
    if (end == absl::string_view::npos || value.find('\\') != absl::string_view::npos) {
      fail("a string without escapes");
      return "";
    }
    position_ = end + 1;
    return std::string(value);
  }

  bool accept(char character) {
    skip_space();
    if (!status_.ok() || position_ >= text_.size() || text_[position_] != character) return false;
    ++position_;
    return true;
  }

  void expect(char character) {
    if (!accept(character)) fail(absl::StrFormat("'%c'", character));
  }

  void skip_space() {
    while (position_ < text_.size() && absl::ascii_isspace(text_[position_])) ++position_;
  }

  void fail(absl::string_view expected) {
    if (!status_.ok()) return;
    status_ = absl::DataLossError(absl::StrCat(
        name_, ": byte ", offset_ + position_, ": expected ", expected, " in the header, found ",
        position_ < text_.size() ? excerpt(text_.substr(position_)) : "its end"));
  }

  void unimplemented(absl::string_view what) {
    if (status_.ok()) {
      status_ = absl::UnimplementedError(absl::StrCat(name_, " holds an array of ", what));
    }
  }

  const absl::string_view name_;
  const absl::string_view text_;
  const size_t offset_;
  size_t position_ = 0;
  bool has_descr_ = false, has_order_ = false, has_shape_ = false;
  absl::Status status_;
};

std::optional<ElementType> simple_type(absl::string_view code) {
  constexpr std::pair<absl::string_view, ElementType> kCodes[] = {
      {"b1", ElementType::BOOL},    {"i1", ElementType::INT8},    {"u1", ElementType::UINT8},
      {"i2", ElementType::INT16},   {"u2", ElementType::UINT16},  {"i4", ElementType::INT32},
      {"u4", ElementType::UINT32},  {"i8", ElementType::INT64},   {"u8", ElementType::UINT64},
      {"f2", ElementType::FLOAT16}, {"f4", ElementType::FLOAT32}, {"f8", ElementType::FLOAT64},
  };
  for (const auto& [known, type] : kCodes) {
    if (known == code) return type;
  }
  return std::nullopt;
}

// What a type that cannot be read is, and what to do about it.
std::string advice(absl::string_view code) {
  switch (code.empty() ? '\0' : code[0]) {
    case 'O':
      return "Python objects, which stand in the file as a pickle and are not read; save an array "
             "of numbers";
    case 'S':
    case 'a':
    case 'U':
      return "text; save its bytes or numbers that stand for it";
    case 'c':
      return "complex numbers; save array.real and array.imag";
    case 'M':
    case 'm':
      return "times; save array.astype(\"int64\")";
    case 'V':
      return "raw bytes, of which NumPy does not say what they are; save array.view(\"uint16\") or "
             "another type";
    default:
      return "a type that is not read; save array.astype(\"float32\")";
  }
}

absl::StatusOr<ElementType> parse_type(absl::string_view descr, absl::string_view name) {
  const bool ordered = !descr.empty() && absl::StrContains("<>|=", descr[0]);
  const absl::string_view code = ordered ? descr.substr(1) : descr;
  const auto refuse = [&](absl::string_view what) {
    return absl::UnimplementedError(
        absl::StrCat(name, " holds an array of ", excerpt(descr), ", ", what));
  };
  const std::optional<ElementType> type = simple_type(code);
  if (!type) return refuse(advice(code));
  if (element_size(*type) > 1 && ordered && descr[0] == '>') {
    return refuse(absl::StrCat("big-endian; save array.astype(\"", element_name(*type), "\")"));
  }
  return *type;
}

}  // namespace

absl::StatusOr<NpyHeader> parse_npy_header(absl::Span<const uint8_t> start, uint64_t file_size,
                                           absl::string_view name) {
  const absl::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
  const auto bad = [&](uint64_t byte, absl::string_view expected, absl::string_view found) {
    return absl::DataLossError(
        absl::StrCat(name, ": byte ", byte, ": expected ", expected, ", found ", found));
  };
  if (!absl::StartsWith(text, kMagic)) {
    return bad(0, "\"\\x93NUMPY\", the start of a .npy file",
               text.empty() ? "an empty file" : excerpt(text.substr(0, kMagic.size())));
  }
  if (text.size() < kVersionEnd) return bad(text.size(), "the version", "the end of the file");
  const int version = start[6];
  if (version < 1 || version > 3 || start[7] != 0) {
    return bad(6, "version 1.0, 2.0 or 3.0", absl::StrCat(version, ".", start[7]));
  }
  const size_t length_bytes = version == 1 ? 2 : 4;
  const size_t header_start = kVersionEnd + length_bytes;
  if (text.size() < header_start) {
    return bad(text.size(), "the header's length", "the end of the file");
  }
  size_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) length |= size_t{start[kVersionEnd + i]} << 8 * i;
  if (length > kMaxNpyHeader - header_start) {
    return bad(kVersionEnd, absl::StrCat("a header of at most ", kMaxNpyHeader, " bytes"),
               absl::StrCat("a length of ", length));
  }
  if (length > text.size() - header_start) {
    return bad(kVersionEnd, absl::StrCat("a header of ", length, " bytes"),
               absl::StrCat("the end of the file after ", text.size() - header_start));
  }

  COMPOSER_ASSIGN_OR_RETURN(
      const Fields fields,
      HeaderReader(name, text.substr(header_start, length), header_start).read());
  NpyHeader header;
  COMPOSER_ASSIGN_OR_RETURN(header.type, parse_type(fields.descr, name));
  header.shape = fields.shape;
  if (fields.fortran_order && header.shape.size() > 1) {
    return absl::UnimplementedError(absl::StrCat(
        name, " holds an array in Fortran order; save numpy.ascontiguousarray(array)"));
  }
  header.data_offset = header_start + length;
  const std::optional<int64_t> bytes = array_bytes(header.type, header.shape);
  if (!bytes) {
    return bad(header_start, "sizes whose product fits in memory", shape_text(header.shape));
  }
  header.data_bytes = *bytes;
  const uint64_t found = file_size - header.data_offset;
  if (found != static_cast<uint64_t>(*bytes)) {
    return bad(header.data_offset,
               absl::StrCat(*bytes, " bytes of ", element_name(header.type), " ",
                            shape_text(header.shape)),
               absl::StrCat(found, found < static_cast<uint64_t>(*bytes)
                                       ? ": the file is truncated"
                                       : ": something stands behind the array"));
  }
  return header;
}

absl::StatusOr<ArrayView> view_npy(absl::Span<const uint8_t> file, absl::string_view name) {
  COMPOSER_ASSIGN_OR_RETURN(NpyHeader header, parse_npy_header(file, file.size(), name));
  return ArrayView{header.type, std::move(header.shape), file.subspan(header.data_offset)};
}

}  // namespace composer
