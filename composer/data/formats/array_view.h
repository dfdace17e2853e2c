#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace composer {

/// What arrays in files are made of.
enum class ElementType {
  BOOL,
  UINT8,
  INT8,
  UINT16,
  INT16,
  UINT32,
  INT32,
  UINT64,
  INT64,
  FLOAT16,
  BFLOAT16,
  FLOAT32,
  FLOAT64,
};

/// Bytes of one element.
int64_t element_size(ElementType type);

/// NumPy's name: "float32".
absl::string_view element_name(ElementType type);

/// The type with that name of NumPy's, if it is one of these.
std::optional<ElementType> element_type(absl::string_view name);

/// Bytes of an array of that shape; nothing when they are no size that memory could have (2^62 or
/// more), or a dimension is negative.
std::optional<int64_t> array_bytes(ElementType type, absl::Span<const int64_t> shape);

/// "[3, 4]".
std::string shape_text(absl::Span<const int64_t> shape);

/// An array that someone else holds: little-endian, row-major, at any address.
struct ArrayView {
  ElementType type = ElementType::UINT8;
  std::vector<int64_t> shape;
  /// As many as type and shape say.
  absl::Span<const uint8_t> bytes;
};

}  // namespace composer
