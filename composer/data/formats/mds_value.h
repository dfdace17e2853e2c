#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/data/formats/array_view.h"

namespace composer {

/// How the values of an MDS column are to be understood.
struct MdsEncoding {
  enum class Kind {
    /// A number, or an array of numbers: "int", "float32", "ndarray".
    ARRAY,
    /// "str" and "json": UTF-8.
    TEXT,
    BYTES,
    /// "jpeg" and "png".
    IMAGE_FILE,
    /// "pil": the pixels as they are.
    PIXELS,
  };
  Kind kind = Kind::BYTES;
  /// Of an ARRAY, where they do not stand before each value.
  std::optional<ElementType> type;
  std::optional<std::vector<int64_t>> shape;
};

/// Unimplemented for encodings that are not read, with the reason; InvalidArgument for what is
/// none.
absl::StatusOr<MdsEncoding> parse_mds_encoding(absl::string_view text);

/// The value of an ARRAY column; of TEXT and BYTES, its bytes as uint8 [length]. DataLoss when its
/// size is not what type and shape say.
absl::StatusOr<ArrayView> view_mds_array(const MdsEncoding& encoding,
                                         absl::Span<const uint8_t> value);

/// Pixels of a "pil" value: [height][width][channels].
struct MdsPixels {
  int64_t height = 0;
  int64_t width = 0;
  /// 1 for Pillow's mode L, 3 for RGB.
  int64_t channels = 0;
  absl::Span<const uint8_t> bytes;
};

/// The value of a PIXELS column. DataLoss when it is damaged, Unimplemented for other modes.
absl::StatusOr<MdsPixels> view_mds_pixels(absl::Span<const uint8_t> value);

}  // namespace composer
