#include "composer/data/transforms/lazy_image.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "composer/base/counter_random.h"
#include "composer/data/transforms/normalizer.h"

namespace composer {
namespace {

at::Tensor bytes_of(const ImageView& view) {
  at::Tensor out = at::empty({view.channels, view.height, view.width}, at::kByte);
  auto pixels = out.accessor<uint8_t, 3>();
  for (int64_t c = 0; c < view.channels; ++c) {
    for (int64_t y = 0; y < view.height; ++y) {
      for (int64_t x = 0; x < view.width; ++x) {
        pixels[c][y][x] =
            view.data[c * view.channel_stride + y * view.row_stride + x * view.column_stride];
      }
    }
  }
  return out;
}

at::Tensor random_bytes(at::IntArrayRef shape, CounterRandom& random) {
  at::Tensor bytes = at::empty(shape, at::kByte);
  uint8_t* data = bytes.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < bytes.numel(); ++i) data[i] = static_cast<uint8_t>(random.next());
  return bytes;
}

// The same operations by ATen, one after the other.
struct Both {
  LazyImage lazy;
  at::Tensor eager;

  void step(CounterRandom& random) {
    switch (random.below(5)) {
      case 0:
        lazy.flip_horizontally();
        eager = eager.flip({2});
        break;
      case 1:
        lazy.flip_vertically();
        eager = eager.flip({1});
        break;
      case 2: {
        const int64_t sides[4] = {random.below(4), random.below(3), random.below(9),
                                  random.below(12)};
        const auto fill = static_cast<uint8_t>(random.below(2) * 200);
        lazy.pad(sides[0], sides[1], sides[2], sides[3], fill);
        eager = at::constant_pad_nd(eager, {sides[2], sides[3], sides[0], sides[1]}, fill);
        break;
      }
      case 3: {
        const int64_t height = 1 + random.below(lazy.height());
        const int64_t width = 1 + random.below(lazy.width());
        const int64_t top = random.below(lazy.height() - height + 1);
        const int64_t left = random.below(lazy.width() - width + 1);
        lazy.crop(top, left, height, width);
        eager = eager.slice(1, top, top + height).slice(2, left, left + width);
        break;
      }
      case 4: {
        const MutableImageView pixels = lazy.mutable_pixels();
        pixels.data[0] ^= 0xff;
        eager = eager.clone();
        eager[0][0][0].bitwise_xor_(0xff);
        break;
      }
    }
  }
};

TEST(LazyImageTest, GivesWhatItsOperationsGiveOneByOne) {
  ImageScratch scratch;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    CounterRandom random(seed);
    const int64_t channels = 1 + random.below(4);
    const at::Tensor bytes =
        random_bytes({channels, 1 + random.below(30), 1 + random.below(40)}, random);
    const at::Tensor original = bytes.clone();
    const at::Tensor interleaved = bytes.permute({1, 2, 0}).contiguous();
    const bool planar = random.chance(0.5);
    const uint8_t* data = (planar ? bytes : interleaved).const_data_ptr<uint8_t>();
    const auto view = planar ? planar_image : interleaved_image;
    Both both{LazyImage(view(data, channels, bytes.size(1), bytes.size(2)), scratch), bytes};
    for (int i = 0; i < 6; ++i) both.step(random);

    ASSERT_EQ(both.lazy.height(), both.eager.size(1));
    ASSERT_EQ(both.lazy.width(), both.eager.size(2));
    const PaddedImage padded = both.lazy.padded();
    ASSERT_TRUE(at::equal(bytes_of(both.lazy.pixels()), both.eager));
    EXPECT_TRUE(at::equal(bytes, original)) << "the image that was given has changed";

    ChannelStatistics statistics;
    for (int64_t c = 0; c < channels; ++c) {
      statistics.mean.push_back(random.uniform());
      statistics.std.push_back(random.uniform(0.1, 1));
    }
    const Normalizer normalizer(statistics);
    const at::Tensor mean = at::tensor(statistics.mean).to(at::kFloat).view({channels, 1, 1});
    const at::Tensor std = at::tensor(statistics.std).to(at::kFloat).view({channels, 1, 1});
    const at::Tensor expected = both.eager.to(at::kFloat).div(255).sub(mean).div(std);
    for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
      for (const bool portably : {false, true}) {
        const at::Tensor out =
            at::full({1, channels, expected.size(1), expected.size(2)}, NAN).contiguous(format);
        const FloatImage place{out.mutable_data_ptr<float>(),
                               channels,
                               out.size(2),
                               out.size(3),
                               out.stride(1),
                               out.stride(2),
                               out.stride(3)};
        if (portably) {
          normalizer.write_portably(padded, place);
        } else {
          normalizer.write(padded, place);
        }
        EXPECT_TRUE(at::equal(out[0], expected)) << format << (portably ? ", portably" : "");
      }
    }
  }
}

TEST(LazyImageTest, CanShowNothingButBorder) {
  ImageScratch scratch;
  const std::vector<uint8_t> bytes(3 * 4 * 5, 7);
  const at::Tensor expected = at::full({3, 4, 5}, 9, at::kByte);
  for (const auto& [top, left] :
       {std::pair(0, 3), std::pair(12, 3), std::pair(12, 0), std::pair(2, 12), std::pair(12, 12)}) {
    LazyImage image(planar_image(bytes.data(), 3, 4, 5), scratch);
    image.pad(6, 6, 6, 6, 9);
    image.crop(top, left, 4, 5);
    EXPECT_TRUE(at::equal(bytes_of(image.pixels()), expected)) << top << ", " << left;
  }
}

}  // namespace
}  // namespace composer
