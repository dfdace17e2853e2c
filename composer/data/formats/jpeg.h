#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/formats/decoded_image.h"

namespace composer {

/// Whether the bytes start as a JPEG does.
bool is_jpeg(absl::Span<const uint8_t> bytes);

struct JpegHeader {
  /// In full size.
  ImageSize size;
  /// Of the file: 1 for grey, 3 for colour, 4 for CMYK and YCCK.
  int components = 0;
};

/// Decodes JPEGs by libjpeg-turbo, of which it holds an instance that is costly to make: have one
/// for each thread. Pixels equal those of torchvision and Pillow, which call the same library; as
/// there, the EXIF orientation is not looked at.
///
/// Stricter than they are: what libjpeg warns about because pixels are lost, such as a truncated
/// file, which it fills up with grey, is an error here. Superfluous bytes before the end and
/// unknown JFIF versions are not. A progressive image may have 500 scans, and every image
/// kMaxImagePixels; a header that declares more blocks than the file has room for is refused before
/// memory is taken. DataLoss errors say what was expected and what was found.
class JpegDecoder {
 public:
  JpegDecoder();

  absl::StatusOr<JpegHeader> read_header(absl::Span<const uint8_t> bytes);

  /// Decodes into the start of `pixels`, [height][width][channels], which grows where it must and
  /// is never made smaller. CMYK is converted as Pillow does, inverted as Adobe writes it. Grey is
  /// the file's own luma, as torchvision's ImageReadMode.GRAY; that of CMYK is make_grey.
  absl::StatusOr<ImageSize> decode(absl::Span<const uint8_t> bytes, const DecodeOptions& options,
                                   std::vector<uint8_t>& pixels);

 private:
  struct Destroy {
    void operator()(void* handle) const;
  };

  // What the library says of these bytes.
  absl::Status error(absl::Span<const uint8_t> bytes);

  // Null when there was no memory for it.
  std::unique_ptr<void, Destroy> handle_;
};

/// The size at which an image of `full` size is decoded for `decode_size`.
ImageSize scaled_size(const ImageSize& full, int64_t decode_size);

}  // namespace composer
