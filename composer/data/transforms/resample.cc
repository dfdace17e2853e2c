#include "composer/data/transforms/resample.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace composer {
namespace {

uint8_t to_byte(int32_t sum, int precision) {
  return static_cast<uint8_t>(std::clamp(sum >> precision, 0, 255));
}

// One value from bytes that are `stride` apart.
uint8_t weigh(const uint8_t* in, std::ptrdiff_t stride, const int16_t* weights, int64_t count,
              const ResampleWeights& by) {
  int32_t sum = by.rounding();
  for (int64_t j = 0; j < count; ++j) sum += weights[j] * in[j * stride];
  return to_byte(sum, by.precision);
}

#if defined(__SSE2__)

// The weights of two neighbours, for each of four sums.
__m128i pair_of(const int16_t* weights) {
  int32_t pair;
  std::memcpy(&pair, weights, sizeof(pair));
  return _mm_set1_epi32(pair);
}

__m128i to_bytes(__m128i a, __m128i b, __m128i c, __m128i d, int precision) {
  const __m128i low = _mm_packs_epi32(_mm_srai_epi32(a, precision), _mm_srai_epi32(b, precision));
  const __m128i high = _mm_packs_epi32(_mm_srai_epi32(c, precision), _mm_srai_epi32(d, precision));
  return _mm_packus_epi16(low, high);
}

// A row of RGB pixels side by side, two neighbours at a time. `end`: what may be read.
void weigh_rgb_row(const uint8_t* in, const uint8_t* end, uint8_t* out, const ResampleWeights& by) {
  const __m128i zero = _mm_setzero_si128();
  for (size_t x = 0; x < by.first.size(); ++x) {
    const uint8_t* from = in + 3 * by.first[x];
    const int16_t* weights = by.weights.data() + x * by.taps;
    if (from + 3 * by.count[x] + 5 > end) {
      for (int c = 0; c < 3; ++c) out[3 * x + c] = weigh(from + c, 3, weights, by.count[x], by);
      continue;
    }
    __m128i sums = _mm_set1_epi32(by.rounding());
    for (int64_t j = 0; j < by.count[x]; j += 2) {
      const __m128i pixels = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from + 3 * j));
      // Each channel of the first pixel beside the same of the second.
      const __m128i pairs = _mm_unpacklo_epi8(pixels, _mm_srli_epi64(pixels, 24));
      const __m128i products = _mm_madd_epi16(_mm_unpacklo_epi8(pairs, zero), pair_of(weights + j));
      sums = _mm_add_epi32(sums, products);
    }
    const int32_t pixel = _mm_cvtsi128_si32(to_bytes(sums, sums, sums, sums, by.precision));
    std::memcpy(out + 3 * x, &pixel, 3);
  }
}

#endif

void resize_rows(const ImageView& in, const MutableImageView& out, const ResampleWeights& by) {
  for (int64_t y = 0; y < in.height; ++y) {
    const uint8_t* row = in.data + y * in.row_stride;
    uint8_t* to = out.data + y * out.row_stride;
#if defined(__SSE2__)
    if (in.channels == 3 && in.channel_stride == 1 && in.column_stride == 3 &&
        out.column_stride == 3) {
      weigh_rgb_row(row, row + 3 * in.width, to, by);
      continue;
    }
#endif
    for (int64_t c = 0; c < in.channels; ++c) {
      for (int64_t x = 0; x < out.width; ++x) {
        to[c * out.channel_stride + x * out.column_stride] =
            weigh(row + c * in.channel_stride + by.first[x] * in.column_stride, in.column_stride,
                  by.weights.data() + x * by.taps, by.count[x], by);
      }
    }
  }
}

// One row of `size` bytes from those of a column of rows, `stride` apart.
void weigh_rows(const uint8_t* in, std::ptrdiff_t stride, int64_t size, const int16_t* weights,
                int64_t count, const ResampleWeights& by, uint8_t* out) {
  int64_t x = 0;
#if defined(__SSE2__)
  const __m128i zero = _mm_setzero_si128();
  for (; x + 16 <= size; x += 16) {
    __m128i sums[4];
    for (__m128i& sum : sums) sum = _mm_set1_epi32(by.rounding());
    for (int64_t j = 0; j < count; j += 2) {
      const uint8_t* from = in + j * stride + x;
      const __m128i upper = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      // Behind the last row its weight is 0.
      const __m128i lower =
          _mm_loadu_si128(reinterpret_cast<const __m128i*>(j + 1 < count ? from + stride : from));
      const __m128i weight = pair_of(weights + j);
      const __m128i low = _mm_unpacklo_epi8(upper, lower);
      const __m128i high = _mm_unpackhi_epi8(upper, lower);
      const __m128i pairs[4] = {_mm_unpacklo_epi8(low, zero), _mm_unpackhi_epi8(low, zero),
                                _mm_unpacklo_epi8(high, zero), _mm_unpackhi_epi8(high, zero)};
      for (int k = 0; k < 4; ++k) {
        sums[k] = _mm_add_epi32(sums[k], _mm_madd_epi16(pairs[k], weight));
      }
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x),
                     to_bytes(sums[0], sums[1], sums[2], sums[3], by.precision));
  }
#endif
  for (; x < size; ++x) out[x] = weigh(in + x, stride, weights, count, by);
}

void resize_columns(const ImageView& in, const MutableImageView& out, const ResampleWeights& by) {
  // Interleaved rows are one row of bytes, planar ones a row for each channel.
  const bool interleaved = out.column_stride == out.channels;
  const int64_t planes = interleaved ? 1 : out.channels;
  const int64_t size = interleaved ? out.width * out.channels : out.width;
  for (int64_t c = 0; c < planes; ++c) {
    for (int64_t y = 0; y < out.height; ++y) {
      weigh_rows(in.data + c * in.channel_stride + by.first[y] * in.row_stride, in.row_stride, size,
                 by.weights.data() + y * by.taps, by.count[y], by,
                 out.data + c * out.channel_stride + y * out.row_stride);
    }
  }
}

// In single precision, as ATen finds it.
int64_t nearest(int64_t i, int64_t input_size, int64_t output_size) {
  const float scale = static_cast<float>(input_size) / static_cast<float>(output_size);
  const auto place = static_cast<int64_t>(std::floor(static_cast<float>(i) * scale));
  return std::min(place, input_size - 1);
}

void resize_nearest(const ImageView& in, const MutableImageView& out,
                    std::vector<int64_t>& columns) {
  columns.resize(out.width);
  for (int64_t x = 0; x < out.width; ++x) {
    columns[x] = nearest(x, in.width, out.width) * in.column_stride;
  }
  for (int64_t c = 0; c < out.channels; ++c) {
    for (int64_t y = 0; y < out.height; ++y) {
      const uint8_t* row =
          in.data + c * in.channel_stride + nearest(y, in.height, out.height) * in.row_stride;
      uint8_t* to = out.data + c * out.channel_stride + y * out.row_stride;
      for (int64_t x = 0; x < out.width; ++x) to[x * out.column_stride] = row[columns[x]];
    }
  }
}

// Whether rows of `a` can be read as rows of bytes in the order of `b`.
bool same_order(const ImageView& a, const MutableImageView& b) {
  return a.column_stride == b.column_stride &&
         (a.channels == 1 || b.column_stride == 1 || a.channel_stride == b.channel_stride);
}

}  // namespace

void resample(const ImageView& in, const MutableImageView& out, ResampleFilter filter,
              bool antialias, ResampleScratch& scratch) {
  if (filter == ResampleFilter::kNearest) return resize_nearest(in, out, scratch.columns);
  compute_resample_weights(in.width, out.width, filter, antialias, scratch.horizontal);
  if (in.height == out.height) return resize_rows(in, out, scratch.horizontal);
  compute_resample_weights(in.height, out.height, filter, antialias, scratch.vertical);
  if (in.width == out.width && same_order(in, out)) {
    return resize_columns(in, out, scratch.vertical);
  }

  const size_t size = static_cast<size_t>(in.channels * in.height * out.width);
  if (scratch.rows.size() < size) scratch.rows.resize(size);
  MutableImageView middle = out;
  middle.data = scratch.rows.data();
  middle.height = in.height;
  if (out.column_stride == 1) middle.channel_stride = in.height * out.width;
  resize_rows(in, middle, scratch.horizontal);
  resize_columns(middle, out, scratch.vertical);
}

}  // namespace composer
