#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/formats/decoded_image.h"

namespace composer {

/// Decodes a JPEG or a PNG, told apart by how the bytes start, into the start of `pixels`,
/// [height][width][channels], which grows where it must and is never made smaller. See jpeg.h and
/// png.h. The decoder is the calling thread's own.
absl::StatusOr<ImageSize> decode_image(absl::Span<const uint8_t> bytes,
                                       const DecodeOptions& options, std::vector<uint8_t>& pixels);

/// The same of a file of at most 1 GiB, which is named in errors.
absl::StatusOr<ImageSize> read_image_file(const std::string& path, const DecodeOptions& options,
                                          std::vector<uint8_t>& pixels);

}  // namespace composer
