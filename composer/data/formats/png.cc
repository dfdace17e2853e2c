#include "composer/data/formats/png.h"

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

// What libpng reads and where it stopped.
struct Reading {
  explicit Reading(absl::Span<const uint8_t> bytes) : bytes(bytes) {}
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() { png_destroy_read_struct(&png, &info, nullptr); }

  const absl::Span<const uint8_t> bytes;
  size_t offset = 0;
  bool ended = false;
  char message[160] = "";
  png_structp png = nullptr;
  png_infop info = nullptr;
};

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  auto* reading = static_cast<Reading*>(png_get_error_ptr(png));
  std::snprintf(reading->message, sizeof(reading->message), "%s", message);
  png_longjmp(png, 1);
}

// libpng warns about what does not change the pixels.
void ignore(png_structp, png_const_charp) {}

void give(png_structp png, png_bytep out, size_t count) {
  auto* reading = static_cast<Reading*>(png_get_io_ptr(png));
  if (count > reading->bytes.size() - reading->offset) {
    reading->ended = true;
    fail(png, "");
  }
  std::memcpy(out, reading->bytes.data() + reading->offset, count);
  reading->offset += count;
}

// False when libpng fails. It leaves `function` by a jump that runs no destructors, so there must
// be none to run.
template <typename Function>
bool guarded(Reading& reading, Function function) {
  if (setjmp(png_jmpbuf(reading.png)) != 0) return false;
  function(reading.png, reading.info);
  return true;
}

absl::Status error(const Reading& reading) {
  if (reading.ended) {
    return absl::DataLossError(absl::StrCat("byte ", reading.bytes.size(),
                                            ": expected more PNG data, the file ends: it is "
                                            "truncated"));
  }
  return absl::DataLossError(absl::StrCat(
      "byte ", reading.offset, ": expected sound PNG data, found damage (", reading.message, ")"));
}

void ask_for_bytes(png_structp png, png_infop info, bool rgb) {
  png_set_palette_to_rgb(png);
  png_set_expand_gray_1_2_4_to_8(png);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  if (rgb) png_set_gray_to_rgb(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

}  // namespace

bool is_png(absl::Span<const uint8_t> bytes) {
  return bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0;
}

absl::StatusOr<ImageSize> decode_png(absl::Span<const uint8_t> bytes, int channels,
                                     std::vector<uint8_t>& pixels) {
  if (!is_png(bytes)) {
    return absl::DataLossError(
        absl::StrCat("byte 0: expected a PNG (89 50 4e 47 0d 0a 1a 0a), ",
                     bytes.empty() ? "the file is empty" : "found other bytes"));
  }
  Reading reading(bytes);
  reading.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reading, fail, ignore);
  if (reading.png != nullptr) reading.info = png_create_info_struct(reading.png);
  if (reading.info == nullptr) return absl::ResourceExhaustedError("no memory to decode a PNG");

  const bool sound_header = guarded(reading, [&](png_structp png, png_infop info) {
    png_set_read_fn(png, &reading, give);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(png, 1'000'000, 1'000'000);
    // All that is not needed for the pixels is passed over; of the rest no chunk is believed to be
    // longer than the file, for as much memory as it says it has would be taken.
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_chunk_malloc_max(png, reading.bytes.size());
    png_read_info(png, info);
  });
  if (!sound_header) return error(reading);

  const int64_t height = png_get_image_height(reading.png, reading.info);
  const int64_t width = png_get_image_width(reading.png, reading.info);
  if (height * width > kMaxImagePixels) {
    return absl::DataLossError(absl::StrCat("expected a PNG of at most ", kMaxImagePixels,
                                            " pixels, found one of ", width, "x", height));
  }
  // Deflate makes of one byte at most 1032.
  const int64_t row_bytes = static_cast<int64_t>(png_get_rowbytes(reading.png, reading.info));
  if (row_bytes * height / 1032 > static_cast<int64_t>(bytes.size())) {
    return absl::DataLossError(absl::StrCat("expected a PNG of ", width, "x", height,
                                            " pixels, as its header says, found ", bytes.size(),
                                            " bytes, which have no room for them"));
  }
  const bool color = (png_get_color_type(reading.png, reading.info) & PNG_COLOR_MASK_COLOR) != 0;
  const int decoded_channels = color ? 3 : channels;
  const size_t needed = static_cast<size_t>(height * width) * decoded_channels;
  if (pixels.size() < needed) pixels.resize(needed);

  uint8_t* const out = pixels.data();
  const int64_t stride = width * decoded_channels;
  bool rows_fit = false;
  const bool sound_pixels = guarded(reading, [&](png_structp png, png_infop info) {
    ask_for_bytes(png, info, decoded_channels == 3);
    rows_fit = static_cast<int64_t>(png_get_rowbytes(png, info)) == stride;
    if (!rows_fit) return;
    const int passes = png_get_interlace_type(png, info) == PNG_INTERLACE_NONE ? 1 : 7;
    for (int pass = 0; pass < passes; ++pass) {
      for (int64_t row = 0; row < height; ++row) png_read_row(png, out + row * stride, nullptr);
    }
    png_read_end(png, nullptr);
  });
  if (!sound_pixels) return error(reading);
  if (!rows_fit) return absl::InternalError("libpng gives rows of an unexpected size");
  if (color && channels == 1) make_grey(out, height * width);
  return ImageSize{height, width};
}

}  // namespace composer
