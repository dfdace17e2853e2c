#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/formats/decoded_image.h"

namespace composer {

/// Whether the bytes start as a PNG does.
bool is_png(absl::Span<const uint8_t> bytes);

/// Decodes a PNG of any kind by libpng into the start of `pixels`, [height][width][channels], which
/// grows where it must and is never made smaller. `channels` is 3 or 1.
///
/// Values are those of Pillow's convert("RGB") and convert("L"): palettes looked up, alpha dropped,
/// gamma and colour profiles not looked at, of 16 bits the upper 8 kept. (Pillow clips 16-bit grey
/// to 255 instead, which makes most images white.)
///
/// DataLoss, with what was expected and found, for damage in any chunk, and for files that end
/// before their last one. Images have at most kMaxImagePixels, and no side above 1,000,000; a
/// header that declares more pixels than the file has room for is refused before memory is taken.
absl::StatusOr<ImageSize> decode_png(absl::Span<const uint8_t> bytes, int channels,
                                     std::vector<uint8_t>& pixels);

}  // namespace composer
