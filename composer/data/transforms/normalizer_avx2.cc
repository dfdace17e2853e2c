#include "composer/data/transforms/normalizer_avx2.h"

#include <algorithm>
#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace composer::avx2 {
namespace {

struct TwoFloats {
  float high;
  float low;
};

// 1 / x to 48 bits.
TwoFloats reciprocal(double x) {
  const double exact = 1 / x;
  const float high = static_cast<float>(exact);
  return {high, static_cast<float>(exact - high)};
}

}  // namespace

std::vector<float> planar_constants(const ChannelStatistics& statistics) {
  std::vector<float> constants;
  for (size_t c = 0; c < statistics.mean.size(); ++c) {
    const TwoFloats scale = reciprocal(static_cast<float>(statistics.std[c]));
    constants.insert(constants.end(), 8, static_cast<float>(statistics.mean[c]));
    constants.insert(constants.end(), 8, scale.high);
    constants.insert(constants.end(), 8, scale.low);
  }
  return constants;
}

std::vector<float> interleaved_constants(const ChannelStatistics& statistics) {
  const size_t channels = statistics.mean.size();
  std::vector<float> constants(channels * kConstants);
  for (size_t i = 0; i < channels * 8; ++i) {
    const TwoFloats scale = reciprocal(static_cast<float>(statistics.std[i % channels]));
    constants[i] = static_cast<float>(statistics.mean[i % channels]);
    constants[i + channels * 8] = scale.high;
    constants[i + channels * 16] = scale.low;
  }
  return constants;
}

#if defined(__x86_64__)

#define COMPOSER_AVX2 __attribute__((target("avx2,fma")))
#define COMPOSER_AVX2_INLINE __attribute__((target("avx2,fma"), always_inline)) inline

namespace {

// Pixels that are put in order at a time.
constexpr int64_t kChunk = 256;

struct Constants {
  __m256 byte_high;
  __m256 byte_low;
  __m256 mean;
  __m256 scale_high;
  __m256 scale_low;
};

COMPOSER_AVX2_INLINE Constants load_constants(const float* mean, const float* high,
                                              const float* low) {
  const TwoFloats byte = reciprocal(255);
  return {_mm256_set1_ps(byte.high), _mm256_set1_ps(byte.low), _mm256_loadu_ps(mean),
          _mm256_loadu_ps(high), _mm256_loadu_ps(low)};
}

COMPOSER_AVX2_INLINE __m256 normalize(__m128i bytes, const Constants& by) {
  const __m256 x = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
  const __m256 unit = _mm256_fmadd_ps(x, by.byte_high, _mm256_mul_ps(x, by.byte_low));
  const __m256 centred = _mm256_sub_ps(unit, by.mean);
  return _mm256_fmadd_ps(centred, by.scale_high, _mm256_mul_ps(centred, by.scale_low));
}

COMPOSER_AVX2_INLINE __m128i load_eight(const uint8_t* in) {
  return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(in));
}

template <bool kMirrored>
COMPOSER_AVX2_INLINE __m256 eight(const uint8_t* in, int64_t x, int64_t count,
                                  const Constants& by) {
  if constexpr (!kMirrored) return normalize(load_eight(in + x), by);
  const __m128i reversed = _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, -1, -1, -1, -1, -1, -1, -1, -1);
  return normalize(_mm_shuffle_epi8(load_eight(in + count - 8 - x), reversed), by);
}

// `count` bytes of one channel, from their last to their first when mirrored.
template <bool kMirrored>
COMPOSER_AVX2_INLINE void write_bytes(const uint8_t* in, int64_t count, float* out,
                                      const float* table, const Constants& by) {
  if (count < 8) {
    for (int64_t x = 0; x < count; ++x) out[x] = table[in[kMirrored ? count - 1 - x : x]];
    return;
  }
  int64_t x = 0;
  for (; x + 8 <= count; x += 8) _mm256_storeu_ps(out + x, eight<kMirrored>(in, x, count, by));
  // The last ones together with some that are written already.
  if (x < count) {
    x = count - 8;
    _mm256_storeu_ps(out + x, eight<kMirrored>(in, x, count, by));
  }
}

COMPOSER_AVX2_INLINE void fill(float* out, int64_t count, float value) {
  for (int64_t x = 0; x < count; ++x) out[x] = value;
}

// The border of a row that `write_bytes` fills afterwards: writes over where pixels will stand, if
// that saves counting.
COMPOSER_AVX2_INLINE void write_sides(float* row, int64_t left, int64_t right, int64_t width,
                                      float border) {
  const __m256 borders = _mm256_set1_ps(border);
  if (width >= 8 && left <= 8 && right <= 8) {
    if (left > 0) _mm256_storeu_ps(row, borders);
    if (right > 0) _mm256_storeu_ps(row + width - 8, borders);
    return;
  }
  fill(row, left, border);
  fill(row + width - right, right, border);
}

template <bool kMirrored>
COMPOSER_AVX2 void write_plane(const PaddedImage& image, const uint8_t* in, float* out,
                               const FloatImage& shape, const float* table,
                               const float* constants) {
  const Constants by = load_constants(constants, constants + 8, constants + 16);
  const float border = table[image.fill];
  const int64_t width = image.pixels.width;
  fill(out, image.top * shape.row_stride, border);
  out += image.top * shape.row_stride;
  for (int64_t y = 0; y < image.pixels.height; ++y) {
    write_sides(out, image.left, image.right, shape.width, border);
    write_bytes<kMirrored>(in, width, out + image.left, table, by);
    in += image.pixels.row_stride;
    out += shape.row_stride;
  }
  fill(out, image.bottom * shape.row_stride, border);
}

// `count` pixels of RGB side by side to three planes, kChunk apart.
COMPOSER_AVX2 void separate(const uint8_t* in, int64_t count, uint8_t* out) {
  constexpr char kNo = -1;
  // For each plane, which bytes of the first, the second and the third sixteen are its own.
  const __m128i masks[3][3] = {
      {_mm_setr_epi8(0, 3, 6, 9, 12, 15, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo),
       _mm_setr_epi8(kNo, kNo, kNo, kNo, kNo, kNo, 2, 5, 8, 11, 14, kNo, kNo, kNo, kNo, kNo),
       _mm_setr_epi8(kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, 1, 4, 7, 10, 13)},
      {_mm_setr_epi8(1, 4, 7, 10, 13, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo),
       _mm_setr_epi8(kNo, kNo, kNo, kNo, kNo, 0, 3, 6, 9, 12, 15, kNo, kNo, kNo, kNo, kNo),
       _mm_setr_epi8(kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, 2, 5, 8, 11, 14)},
      {_mm_setr_epi8(2, 5, 8, 11, 14, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo),
       _mm_setr_epi8(kNo, kNo, kNo, kNo, kNo, 1, 4, 7, 10, 13, kNo, kNo, kNo, kNo, kNo, kNo),
       _mm_setr_epi8(kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, kNo, 0, 3, 6, 9, 12, 15)}};
  int64_t x = 0;
  for (; x + 16 <= count; x += 16) {
    const auto* from = reinterpret_cast<const __m128i*>(in + 3 * x);
    const __m128i first = _mm_loadu_si128(from);
    const __m128i second = _mm_loadu_si128(from + 1);
    const __m128i third = _mm_loadu_si128(from + 2);
    for (int c = 0; c < 3; ++c) {
      const __m128i plane = _mm_or_si128(
          _mm_or_si128(_mm_shuffle_epi8(first, masks[c][0]), _mm_shuffle_epi8(second, masks[c][1])),
          _mm_shuffle_epi8(third, masks[c][2]));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + c * kChunk + x), plane);
    }
  }
  for (; x < count; ++x) {
    for (int c = 0; c < 3; ++c) out[c * kChunk + x] = in[3 * x + c];
  }
}

// From interleaved RGB.
template <bool kMirrored>
COMPOSER_AVX2 void write_separated(const PaddedImage& image, const FloatImage& out,
                                   const std::array<float, 256>* table, const float* constants) {
  const ImageView& pixels = image.pixels;
  uint8_t planes[3 * kChunk];
  for (int c = 0; c < 3; ++c) {
    float* plane = out.data + c * out.channel_stride;
    const float border = table[c][image.fill];
    fill(plane, image.top * out.row_stride, border);
    fill(plane + (out.height - image.bottom) * out.row_stride, image.bottom * out.row_stride,
         border);
  }
  // Where a row begins in memory.
  const uint8_t* in = pixels.data + (kMirrored ? (pixels.width - 1) * pixels.column_stride : 0);
  for (int64_t y = 0; y < pixels.height; ++y) {
    float* row = out.data + (image.top + y) * out.row_stride;
    for (int c = 0; c < 3; ++c) {
      write_sides(row + c * out.channel_stride, image.left, image.right, out.width,
                  table[c][image.fill]);
    }
    for (int64_t x = 0; x < pixels.width; x += kChunk) {
      const int64_t count = std::min(kChunk, pixels.width - x);
      separate(in + 3 * x, count, planes);
      float* to = row + image.left + (kMirrored ? pixels.width - x - count : x);
      for (int c = 0; c < 3; ++c) {
        const float* by = constants + c * kConstants;
        write_bytes<kMirrored>(planes + c * kChunk, count, to + c * out.channel_stride,
                               table[c].data(), load_constants(by, by + 8, by + 16));
      }
    }
    in += pixels.row_stride;
  }
}

// `count` pixels with their channels side by side.
COMPOSER_AVX2 void write_pixels(const uint8_t* in, int64_t count, int64_t channels, float* out,
                                const std::array<float, 256>* table, const float* constants) {
  const int64_t total = count * channels;
  const int64_t period = channels * 8;
  int64_t i = 0;
  for (; i + period <= total; i += period) {
    for (int64_t part = 0; part < period; part += 8) {
      const Constants by = load_constants(constants + part, constants + period + part,
                                          constants + 2 * period + part);
      _mm256_storeu_ps(out + i + part, normalize(load_eight(in + i + part), by));
    }
  }
  for (int64_t c = 0; i < total; ++i, c = c + 1 == channels ? 0 : c + 1) out[i] = table[c][in[i]];
}

}  // namespace

bool supported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

COMPOSER_AVX2 void write_planar(const PaddedImage& image, const FloatImage& out,
                                const std::array<float, 256>* table, const float* constants) {
  const ImageView& pixels = image.pixels;
  if (pixels.column_stride == 3 && pixels.channel_stride == 1 && out.channels == 3) {
    return write_separated<false>(image, out, table, constants);
  }
  if (pixels.column_stride == -3 && pixels.channel_stride == 1 && out.channels == 3) {
    return write_separated<true>(image, out, table, constants);
  }
  for (int64_t c = 0; c < out.channels; ++c) {
    float* plane = out.data + c * out.channel_stride;
    const uint8_t* in = pixels.data + c * pixels.channel_stride;
    const float* by = constants + c * kConstants;
    if (pixels.column_stride == 1) {
      write_plane<false>(image, in, plane, out, table[c].data(), by);
    } else if (pixels.column_stride == -1) {
      write_plane<true>(image, in - std::max<int64_t>(pixels.width - 1, 0), plane, out,
                        table[c].data(), by);
    } else {
      const Constants constants_of_channel = load_constants(by, by + 8, by + 16);
      const float border = table[c][image.fill];
      fill(plane, image.top * out.row_stride, border);
      fill(plane + (out.height - image.bottom) * out.row_stride, image.bottom * out.row_stride,
           border);
      for (int64_t y = 0; y < pixels.height; ++y) {
        float* row = plane + (image.top + y) * out.row_stride;
        write_sides(row, image.left, image.right, out.width, border);
        uint8_t bytes[kChunk];
        for (int64_t x = 0; x < pixels.width; x += kChunk) {
          const int64_t count = std::min(kChunk, pixels.width - x);
          const uint8_t* from = in + y * pixels.row_stride + x * pixels.column_stride;
          for (int64_t i = 0; i < count; ++i) bytes[i] = from[i * pixels.column_stride];
          write_bytes<false>(bytes, count, row + image.left + x, table[c].data(),
                             constants_of_channel);
        }
      }
    }
  }
}

COMPOSER_AVX2 void write_interleaved(const PaddedImage& image, const FloatImage& out,
                                     const std::array<float, 256>* table, const float* constants) {
  const ImageView& pixels = image.pixels;
  const int64_t channels = out.channels;
  const auto write_border = [&](float* to, int64_t count) {
    for (int64_t x = 0; x < count; ++x) {
      for (int64_t c = 0; c < channels; ++c) to[x * channels + c] = table[c][image.fill];
    }
  };
  uint8_t bytes[kChunk * kMostChannels];
  for (int64_t y = 0; y < out.height; ++y) {
    float* row = out.data + y * out.row_stride;
    if (y < image.top || y >= image.top + pixels.height) {
      write_border(row, out.width);
      continue;
    }
    write_border(row, image.left);
    write_border(row + (out.width - image.right) * channels, image.right);
    const uint8_t* in = pixels.data + (y - image.top) * pixels.row_stride;
    float* to = row + image.left * channels;
    if (pixels.channel_stride == 1 && pixels.column_stride == channels) {
      write_pixels(in, pixels.width, channels, to, table, constants);
      continue;
    }
    for (int64_t x = 0; x < pixels.width; x += kChunk) {
      const int64_t count = std::min(kChunk, pixels.width - x);
      for (int64_t c = 0; c < channels; ++c) {
        const uint8_t* from = in + c * pixels.channel_stride + x * pixels.column_stride;
        for (int64_t i = 0; i < count; ++i)
          bytes[i * channels + c] = from[i * pixels.column_stride];
      }
      write_pixels(bytes, count, channels, to + x * channels, table, constants);
    }
  }
}

#else

bool supported() { return false; }
void write_planar(const PaddedImage&, const FloatImage&, const std::array<float, 256>*,
                  const float*) {}
void write_interleaved(const PaddedImage&, const FloatImage&, const std::array<float, 256>*,
                       const float*) {}

#endif

}  // namespace composer::avx2
