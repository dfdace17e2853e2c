#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "composer/base/status.h"

namespace composer {

/// In pixels.
struct OutputSize {
  int64_t height = 0;
  int64_t width = 0;
};

/// What a config with `size`, or with `height` and `width`, asks for. Errors are about "size",
/// "height" or "width".
template <typename Config>
absl::StatusOr<OutputSize> size_of(const Config& config) {
  if (config.has_size() && (config.has_height() || config.has_width())) {
    return field_error("size",
                       "size is for both sides, next to height or width; set one or the "
                       "other");
  }
  const bool one = config.has_size();
  if (!one && !config.has_height() && !config.has_width()) {
    return field_error("size", "expected size, or height and width; none is set");
  }
  if (!one && !config.has_height()) return field_error("height", "expected height beside width");
  if (!one && !config.has_width()) return field_error("width", "expected width beside height");
  const OutputSize size{one ? config.size() : config.height(),
                        one ? config.size() : config.width()};
  // Far beyond any image, and small enough for products of four of them.
  constexpr int64_t kMost = 1 << 15;
  if (size.height < 1 || size.height > kMost) {
    return field_error(one ? "size" : "height", "expected 1 to 32768 pixels");
  }
  if (size.width < 1 || size.width > kMost) {
    return field_error("width", "expected 1 to 32768 pixels");
  }
  return size;
}

}  // namespace composer
