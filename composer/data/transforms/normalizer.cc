#include "composer/data/transforms/normalizer.h"

#include <algorithm>
#include <numeric>

#include "composer/data/transforms/normalizer_avx2.h"

namespace composer {
namespace {

bool is_planar(const FloatImage& image) {
  return image.column_stride == 1 && image.row_stride == image.width;
}

bool is_interleaved(const FloatImage& image) {
  return image.channel_stride == 1 && image.column_stride == image.channels;
}

}  // namespace

Normalizer::Normalizer(const ChannelStatistics& statistics) : table_(statistics.mean.size()) {
  for (size_t c = 0; c < table_.size(); ++c) {
    const float mean = static_cast<float>(statistics.mean[c]);
    const float std = static_cast<float>(statistics.std[c]);
    for (int i = 0; i < 256; ++i) table_[c][i] = (static_cast<float>(i) / 255.0f - mean) / std;
  }
  if (!avx2::supported() || channels() > avx2::kMostChannels) return;
  planar_constants_ = avx2::planar_constants(statistics);
  interleaved_constants_ = avx2::interleaved_constants(statistics);
  // All there is to compare: every byte of every channel.
  std::array<uint8_t, 256> bytes;
  std::iota(bytes.begin(), bytes.end(), 0);
  std::vector<float> out(channels() * 256);
  for (int64_t c = 0; c < channels(); ++c) {
    const PaddedImage image{.pixels = planar_image(bytes.data(), 1, 1, 256)};
    avx2::write_planar(image, {out.data(), 1, 1, 256, 256, 256, 1}, table_.data() + c,
                       planar_constants_.data() + c * avx2::kConstants);
    if (!std::equal(table_[c].begin(), table_[c].end(), out.begin())) {
      planar_constants_.clear();
      interleaved_constants_.clear();
      return;
    }
  }
}

void Normalizer::write(const PaddedImage& image, const FloatImage& out) const {
  if (!planar_constants_.empty()) {
    if (is_planar(out)) {
      return avx2::write_planar(image, out, table_.data(), planar_constants_.data());
    }
    if (is_interleaved(out)) {
      return avx2::write_interleaved(image, out, table_.data(), interleaved_constants_.data());
    }
  }
  write_portably(image, out);
}

void Normalizer::write_portably(const PaddedImage& image, const FloatImage& out) const {
  const ImageView& pixels = image.pixels;
  for (int64_t c = 0; c < out.channels; ++c) {
    const float* table = table_[c].data();
    const float border = table[image.fill];
    for (int64_t y = 0; y < out.height; ++y) {
      float* row = out.data + c * out.channel_stride + y * out.row_stride;
      const bool inside = y >= image.top && y < image.top + pixels.height;
      const int64_t left = inside ? image.left : out.width;
      const int64_t right = inside ? image.left + pixels.width : out.width;
      for (int64_t x = 0; x < left; ++x) row[x * out.column_stride] = border;
      for (int64_t x = right; x < out.width; ++x) row[x * out.column_stride] = border;
      if (!inside) continue;
      const uint8_t* in =
          pixels.data + c * pixels.channel_stride + (y - image.top) * pixels.row_stride;
      float* to = row + left * out.column_stride;
      for (int64_t x = 0; x < pixels.width; ++x) {
        to[x * out.column_stride] = table[in[x * pixels.column_stride]];
      }
    }
  }
}

}  // namespace composer
