#include "composer/data/formats/image_file.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "composer/base/status.h"
#include "composer/data/formats/file_bytes.h"
#include "composer/data/formats/jpeg.h"
#include "composer/data/formats/png.h"

namespace composer {
namespace {

constexpr int64_t kMaxFileBytes = int64_t{1} << 30;

std::string first_bytes(absl::Span<const uint8_t> bytes) {
  return absl::StrJoin(bytes.subspan(0, 4), " ", [](std::string* out, uint8_t byte) {
    absl::StrAppendFormat(out, "%02x", byte);
  });
}

}  // namespace

absl::StatusOr<ImageSize> decode_image(absl::Span<const uint8_t> bytes,
                                       const DecodeOptions& options, std::vector<uint8_t>& pixels) {
  if (is_jpeg(bytes)) {
    thread_local JpegDecoder decoder;
    return decoder.decode(bytes, options, pixels);
  }
  if (is_png(bytes)) return decode_png(bytes, options.channels, pixels);
  return absl::DataLossError(
      absl::StrCat("byte 0: expected a JPEG (ff d8 ff) or a PNG (89 50 4e 47 0d 0a 1a 0a), ",
                   bytes.empty() ? "the file is empty" : "found " + first_bytes(bytes)));
}

absl::StatusOr<ImageSize> read_image_file(const std::string& path, const DecodeOptions& options,
                                          std::vector<uint8_t>& pixels) {
  thread_local std::vector<uint8_t> buffer;
  COMPOSER_ASSIGN_OR_RETURN(const absl::Span<const uint8_t> bytes,
                            read_file_bytes(path, kMaxFileBytes, buffer));
  const absl::StatusOr<ImageSize> size = decode_image(bytes, options, pixels);
  if (!size.ok()) return annotate(path, size.status());
  return size;
}

}  // namespace composer
