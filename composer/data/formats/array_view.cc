#include "composer/data/formats/array_view.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace composer {
namespace {

struct Type {
  ElementType type;
  absl::string_view name;
  int64_t size;
};

constexpr std::array<Type, 13> kTypes = {{
    {ElementType::BOOL, "bool", 1},
    {ElementType::UINT8, "uint8", 1},
    {ElementType::INT8, "int8", 1},
    {ElementType::UINT16, "uint16", 2},
    {ElementType::INT16, "int16", 2},
    {ElementType::UINT32, "uint32", 4},
    {ElementType::INT32, "int32", 4},
    {ElementType::UINT64, "uint64", 8},
    {ElementType::INT64, "int64", 8},
    {ElementType::FLOAT16, "float16", 2},
    {ElementType::BFLOAT16, "bfloat16", 2},
    {ElementType::FLOAT32, "float32", 4},
    {ElementType::FLOAT64, "float64", 8},
}};

// The table is in the order of the enumeration.
const Type& row(ElementType type) { return kTypes[static_cast<size_t>(type)]; }

}  // namespace

int64_t element_size(ElementType type) { return row(type).size; }

absl::string_view element_name(ElementType type) { return row(type).name; }

std::optional<ElementType> element_type(absl::string_view name) {
  for (const Type& known : kTypes) {
    if (known.name == name) return known.type;
  }
  return std::nullopt;
}

std::optional<int64_t> array_bytes(ElementType type, absl::Span<const int64_t> shape) {
  // Without the zeros, so that an empty array is no excuse for absurd dimensions.
  int64_t bytes = element_size(type);
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, size, &bytes) || bytes >= int64_t{1} << 62) {
      return std::nullopt;
    }
  }
  return empty ? 0 : bytes;
}

std::string shape_text(absl::Span<const int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace composer
