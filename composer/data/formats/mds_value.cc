#include "composer/data/formats/mds_value.h"

#include <bit>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/base/status.h"

namespace composer {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

// The types that arrays and scalars may have; the bits, but for the lowest two, say the width.
std::optional<ElementType> type_of_code(uint8_t code) {
  switch (code) {
    case 8:
      return ElementType::UINT8;
    case 9:
      return ElementType::INT8;
    case 16:
      return ElementType::UINT16;
    case 17:
      return ElementType::INT16;
    case 18:
      return ElementType::FLOAT16;
    case 32:
      return ElementType::UINT32;
    case 33:
      return ElementType::INT32;
    case 34:
      return ElementType::FLOAT32;
    case 64:
      return ElementType::UINT64;
    case 65:
      return ElementType::INT64;
    case 66:
      return ElementType::FLOAT64;
    default:
      return std::nullopt;
  }
}

std::optional<ElementType> number_type(absl::string_view name) {
  const std::optional<ElementType> type = element_type(name);
  const bool known = type && *type != ElementType::BOOL && *type != ElementType::BFLOAT16;
  return known ? type : std::nullopt;
}

// "", "float32" or "float32:3,4", after "ndarray:".
absl::StatusOr<MdsEncoding> parse_ndarray(absl::string_view text, absl::string_view arguments) {
  MdsEncoding encoding;
  encoding.kind = MdsEncoding::Kind::ARRAY;
  if (arguments.empty()) return encoding;
  const std::vector<absl::string_view> parts = absl::StrSplit(arguments, ':');
  encoding.type = number_type(parts[0]);
  bool sound = encoding.type.has_value() && parts.size() <= 2;
  if (sound && parts.size() == 2) {
    encoding.shape.emplace();
    for (const absl::string_view part : absl::StrSplit(parts[1], ',')) {
      int64_t size = 0;
      sound = sound && absl::SimpleAtoi(part, &size) && size >= 1;
      encoding.shape->push_back(size);
    }
    sound = sound && array_bytes(*encoding.type, *encoding.shape).has_value();
  }
  if (sound) return encoding;
  return absl::InvalidArgumentError(
      absl::StrCat("expected an encoding such as \"ndarray:float32:3,4\", found \"", text, "\""));
}

absl::Status bad(absl::string_view expected, absl::string_view found) {
  return absl::DataLossError(absl::StrCat("expected ", expected, ", found ", found));
}

// Takes the type and the shape that stand before an array's values.
absl::Status read_head(const MdsEncoding& encoding, absl::Span<const uint8_t>& value,
                       ArrayView& array) {
  if (!encoding.type) {
    if (value.empty()) return bad("an array's type", "no bytes");
    const std::optional<ElementType> type = type_of_code(value[0]);
    if (!type) return bad("an array's type", absl::StrCat("code ", value[0]));
    array.type = *type;
    value.remove_prefix(1);
  }
  if (!encoding.shape) {
    if (value.empty()) return bad("an array's number of dimensions", "the end of the value");
    const size_t dimensions = value[0] >> 2;
    const size_t width = size_t{1} << (value[0] & 3);
    value.remove_prefix(1);
    if (value.size() < dimensions * width) {
      return bad(absl::StrCat("the sizes of ", dimensions, " dimensions"), "the end of the value");
    }
    for (size_t i = 0; i < dimensions; ++i) {
      uint64_t size = 0;
      std::memcpy(&size, value.data(), width);
      value.remove_prefix(width);
      // A negative size is none that any array has.
      array.shape.push_back(static_cast<int64_t>(size));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<MdsEncoding> parse_mds_encoding(absl::string_view text) {
  using Kind = MdsEncoding::Kind;
  const auto scalar = [](ElementType type) {
    return MdsEncoding{Kind::ARRAY, type, std::vector<int64_t>()};
  };
  const auto refuse = [&](absl::string_view reason) {
    return absl::UnimplementedError(absl::StrCat("the encoding \"", text, "\" is ", reason));
  };
  if (text == "int") return scalar(ElementType::INT64);
  if (const auto type = number_type(text)) return scalar(*type);
  if (text == "str" || text == "json") return MdsEncoding{Kind::TEXT, {}, {}};
  if (text == "bytes") return MdsEncoding{Kind::BYTES, {}, {}};
  if (text == "jpeg" || text == "png") return MdsEncoding{Kind::IMAGE_FILE, {}, {}};
  if (text == "pil") return MdsEncoding{Kind::PIXELS, {}, {}};
  if (text == "ndarray") return parse_ndarray(text, "");
  if (absl::StartsWith(text, "ndarray:")) return parse_ndarray(text, text.substr(8));
  if (text == "pkl") return refuse("a pickle, which is a program: it is not run");
  if (absl::StartsWith(text, "list[") || text == "jpeg_array" || text == "jpegarray") {
    return refuse("a list of images, which is not read; write one image a sample");
  }
  if (absl::StartsWith(text, "str_")) {
    return refuse("a number as text, which is not read; write it as int64 or float64");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("expected one of MDS's encodings, such as int, float32, str, bytes, ndarray, "
                   "jpeg, png or pil, "
                   "found \"",
                   text, "\""));
}

absl::StatusOr<ArrayView> view_mds_array(const MdsEncoding& encoding,
                                         absl::Span<const uint8_t> value) {
  if (encoding.kind != MdsEncoding::Kind::ARRAY) {
    return ArrayView{ElementType::UINT8, {static_cast<int64_t>(value.size())}, value};
  }
  ArrayView array;
  if (encoding.type) array.type = *encoding.type;
  if (encoding.shape) array.shape = *encoding.shape;
  COMPOSER_RETURN_IF_ERROR(read_head(encoding, value, array));
  const std::optional<int64_t> bytes = array_bytes(array.type, array.shape);
  if (!bytes || static_cast<size_t>(*bytes) != value.size()) {
    return bad(absl::StrCat(element_name(array.type), " ", shape_text(array.shape)),
               absl::StrCat(value.size(), " bytes"));
  }
  array.bytes = value;
  return array;
}

absl::StatusOr<MdsPixels> view_mds_pixels(absl::Span<const uint8_t> value) {
  uint32_t head[3];
  if (value.size() < sizeof head) return bad("an image's size (12 bytes)", "the end of the value");
  std::memcpy(head, value.data(), sizeof head);
  const auto [width, height, mode_size] = head;
  value.remove_prefix(sizeof head);
  if (mode_size > value.size()) return bad("an image's mode", "the end of the value");
  const absl::string_view mode(reinterpret_cast<const char*>(value.data()), mode_size);
  value.remove_prefix(mode_size);
  MdsPixels pixels{height, width, mode == "L" ? 1 : 3, value};
  if (mode != "L" && mode != "RGB") {
    return absl::UnimplementedError(absl::StrCat("an image of Pillow's mode \"",
                                                 absl::CHexEscape(mode.substr(0, 16)),
                                                 "\" is not read; expected L or RGB"));
  }
  const std::optional<int64_t> bytes =
      array_bytes(ElementType::UINT8, {pixels.height, pixels.width, pixels.channels});
  if (!bytes || *bytes == 0 || static_cast<size_t>(*bytes) != value.size()) {
    return bad(absl::StrCat("an image of ", width, "x", height, " pixels in ", pixels.channels,
                            pixels.channels == 1 ? " channel" : " channels"),
               absl::StrCat(value.size(), " bytes"));
  }
  return pixels;
}

}  // namespace composer
