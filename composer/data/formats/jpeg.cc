#include "composer/data/formats/jpeg.h"

#include <turbojpeg.h>

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

// Where an SOI marker, an APP0 marker with its length, and "JFIF\0" lie before it.
constexpr size_t kJfifVersion = 11;

bool has_unknown_jfif_version(absl::Span<const uint8_t> bytes) {
  constexpr uint8_t kName[] = {'J', 'F', 'I', 'F', 0};
  return bytes.size() > kJfifVersion && bytes[3] == 0xe0 &&
         std::equal(std::begin(kName), std::end(kName), &bytes[6]) && bytes[kJfifVersion] != 1;
}

// The second byte of the marker that starts the frame; 0 where there is none.
uint8_t frame_marker(absl::Span<const uint8_t> bytes) {
  size_t at = 2;
  while (at + 4 <= bytes.size() && bytes[at] == 0xff) {
    const uint8_t marker = bytes[at + 1];
    if (marker == 0xff) {
      ++at;
      continue;
    }
    const bool table = marker == 0xc4 || marker == 0xc8 || marker == 0xcc;
    if (marker >= 0xc0 && marker <= 0xcf && !table) return marker;
    at += 2 + (static_cast<size_t>(bytes[at + 2]) << 8 | bytes[at + 3]);
  }
  return 0;
}

// A block of 8x8 pixels takes at least a bit where it is Huffman-coded (the frames 0 to 2), and one
// component has blocks for a quarter of the pixels or more.
bool has_room_for(absl::Span<const uint8_t> bytes, int64_t pixels) {
  const uint8_t marker = frame_marker(bytes);
  // Where no frame is found, the markers are damaged: no reason to believe its size.
  if (marker > 0xc2) return true;
  return pixels / (int64_t{64} * 4 * 8) <= static_cast<int64_t>(bytes.size());
}

// libjpeg tells the first of its warnings alone. This one comes after the last pixel.
bool is_harmless(absl::string_view warning) {
  return absl::StartsWith(warning, "Corrupt JPEG data: ") &&
         absl::EndsWith(warning, " extraneous bytes before marker 0xd9");
}

// Pillow's: in each channel a product of two fractions of 255, rounded.
void make_rgb_from_inverted_cmyk(uint8_t* pixels, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    const int black = pixels[4 * i + 3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - pixels[4 * i + c]) * black + 128;
      pixels[3 * i + c] = static_cast<uint8_t>(black - (((product >> 8) + product) >> 8));
    }
  }
}

}  // namespace

bool is_jpeg(absl::Span<const uint8_t> bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

ImageSize scaled_size(const ImageSize& full, int64_t decode_size) {
  if (decode_size <= 0) return full;
  for (int64_t eighths = 1; eighths < 8; ++eighths) {
    const ImageSize scaled = {(full.height * eighths + 7) / 8, (full.width * eighths + 7) / 8};
    if (std::min(scaled.height, scaled.width) >= decode_size) return scaled;
  }
  return full;
}

void JpegDecoder::Destroy::operator()(void* handle) const { tjDestroy(handle); }

JpegDecoder::JpegDecoder() : handle_(tjInitDecompress()) {}

absl::StatusOr<JpegHeader> JpegDecoder::read_header(absl::Span<const uint8_t> bytes) {
  if (handle_ == nullptr) return absl::ResourceExhaustedError("no memory to decode a JPEG");
  if (!is_jpeg(bytes)) {
    return absl::DataLossError(
        absl::StrCat("byte 0: expected a JPEG (ff d8 ff), ",
                     bytes.empty() ? "the file is empty" : "found other bytes"));
  }
  int width = -1, height = -1, subsampling = -1, colorspace = -1;
  tjDecompressHeader3(handle_.get(), bytes.data(), bytes.size(), &width, &height, &subsampling,
                      &colorspace);
  // It also fails for kinds of subsampling that have no name, which can be decoded all the same.
  if (width < 1 || height < 1 || colorspace < 0) return error(bytes);
  if (int64_t{height} * width > kMaxImagePixels) {
    return absl::DataLossError(absl::StrCat("expected a JPEG of at most ", kMaxImagePixels,
                                            " pixels, found one of ", width, "x", height));
  }
  if (!has_room_for(bytes, int64_t{height} * width)) {
    return absl::DataLossError(absl::StrCat("expected a JPEG of ", width, "x", height,
                                            " pixels, as its header says, found ", bytes.size(),
                                            " bytes, which have no room for them"));
  }
  const bool cmyk = colorspace == TJCS_CMYK || colorspace == TJCS_YCCK;
  return JpegHeader{{height, width}, colorspace == TJCS_GRAY ? 1 : cmyk ? 4 : 3};
}

absl::StatusOr<ImageSize> JpegDecoder::decode(absl::Span<const uint8_t> bytes,
                                              const DecodeOptions& options,
                                              std::vector<uint8_t>& pixels) {
  COMPOSER_ASSIGN_OR_RETURN(const JpegHeader header, read_header(bytes));
  if (has_unknown_jfif_version(bytes)) {
    // The warning about it would hide those that count.
    std::vector<uint8_t> known(bytes.begin(), bytes.end());
    known[kJfifVersion] = 1;
    return decode(known, options, pixels);
  }
  const ImageSize size = scaled_size(header.size, options.decode_size);
  const bool cmyk = header.components == 4;
  const int decoded_channels = cmyk ? 4 : options.channels;
  const int64_t count = size.height * size.width;
  const size_t needed = static_cast<size_t>(count) * decoded_channels;
  if (pixels.size() < needed) pixels.resize(needed);
  const int result = tjDecompress2(handle_.get(), bytes.data(), bytes.size(), pixels.data(),
                                   static_cast<int>(size.width), 0, static_cast<int>(size.height),
                                   cmyk                    ? TJPF_CMYK
                                   : options.channels == 1 ? TJPF_GRAY
                                                           : TJPF_RGB,
                                   TJFLAG_LIMITSCANS);
  if (result != 0) {
    const bool warned = tjGetErrorCode(handle_.get()) == TJERR_WARNING;
    if (!warned || !is_harmless(tjGetErrorStr2(handle_.get()))) return error(bytes);
  }
  if (cmyk) {
    make_rgb_from_inverted_cmyk(pixels.data(), count);
    if (options.channels == 1) make_grey(pixels.data(), count);
  }
  return size;
}

absl::Status JpegDecoder::error(absl::Span<const uint8_t> bytes) {
  const std::string message = tjGetErrorStr2(handle_.get());
  // After an error in a header, an instance goes on where it stopped, in the next image's bytes.
  handle_.reset(tjInitDecompress());
  if (absl::StartsWith(message, "Premature end of JPEG file")) {
    return absl::DataLossError(absl::StrCat("byte ", bytes.size(),
                                            ": expected more JPEG data, the file ends: it is "
                                            "truncated"));
  }
  const bool has_end = bytes.size() >= 2 && bytes[bytes.size() - 2] == 0xff && bytes.back() == 0xd9;
  return absl::DataLossError(absl::StrCat(
      "expected sound JPEG data, found damage (", message, ")",
      has_end ? ""
              : absl::StrCat("; the file ends at byte ", bytes.size(),
                             " without a JPEG's end (ff d9), so it may be truncated")));
}

}  // namespace composer
