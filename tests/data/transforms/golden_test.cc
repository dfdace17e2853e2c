// Each operation against what torchvision gives: see tests/golden/data/transforms.py.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "composer/base/exceptions.h"
#include "composer/data/transforms/center_crop.h"
#include "composer/data/transforms/color.h"
#include "composer/data/transforms/normalizer.h"
#include "composer/data/transforms/random_erasing.h"
#include "composer/data/transforms/resize.h"
#include "tests/data/transforms/golden_images.h"

namespace composer {
namespace {

using Operation = std::function<void(LazyImage&)>;

ResampleFilter filter(const std::string& name) {
  if (name == "nearest") return ResampleFilter::kNearest;
  return name == "bilinear" ? ResampleFilter::kBilinear : ResampleFilter::kBicubic;
}

Operation operation(const std::string& name, const std::vector<std::string>& words) {
  std::vector<double> p;
  for (const std::string& word : words) {
    double value = 0;
    if (!absl::SimpleAtod(word, &value)) value = -1;
    p.push_back(value);
  }
  const auto i = [p](size_t k) { return static_cast<int64_t>(p.at(k)); };
  if (name == "resize") {
    return [=](LazyImage& image) { resize(image, {i(2), i(3)}, filter(words[0]), i(1) != 0); };
  }
  if (name == "resize_shorter") {
    return [=](LazyImage& image) {
      resize(image, resized_by_shorter_side({image.height(), image.width()}, i(0)),
             ResampleFilter::kBilinear, true);
    };
  }
  if (name == "resized_crop") {
    return [=](LazyImage& image) {
      image.crop(i(1), i(2), i(3), i(4));
      resize(image, {i(5), i(6)}, filter(words[0]), true);
    };
  }
  if (name == "center_crop") return [=](LazyImage& image) { center_crop(image, {i(0), i(1)}); };
  if (name == "padded_crop") {
    return [=](LazyImage& image) {
      image.pad(i(0), i(0), i(0), i(0), static_cast<uint8_t>(i(1)));
      image.crop(i(2), i(3), i(4), i(5));
    };
  }
  if (name == "horizontal_flip") return [](LazyImage& image) { image.flip_horizontally(); };
  if (name == "vertical_flip") return [](LazyImage& image) { image.flip_vertically(); };
  if (name == "brightness") {
    return [=](LazyImage& image) { adjust_brightness(image.mutable_pixels(), p.at(0)); };
  }
  if (name == "contrast") {
    return [=](LazyImage& image) { adjust_contrast(image.mutable_pixels(), p.at(0)); };
  }
  if (name == "saturation") {
    return [=](LazyImage& image) { adjust_saturation(image.mutable_pixels(), p.at(0)); };
  }
  EXPECT_EQ(name, "hue");
  return [=](LazyImage& image) { adjust_hue(image.mutable_pixels(), p.at(0)); };
}

class TransformsGoldenTest : public testing::TestWithParam<bool> {};

// Of planar images, as CIFAR has them, and of interleaved ones, as JPEG has.
TEST_P(TransformsGoldenTest, OperationsOnBytesAgreeWithTorchvision) {
  const std::map<std::string, at::Tensor> golden = golden_images("transforms");
  ImageScratch scratch;
  std::map<std::string, int> checked;
  for (const auto& [key, expected] : golden) {
    const std::vector<std::string> parts = absl::StrSplit(key, ',');
    if (parts.size() < 2 || parts[0] == "normalize" || parts[0] == "erase") continue;
    SCOPED_TRACE(key);
    const at::Tensor image = golden.at("image." + parts[1]);
    const ImageBytes bytes(image, GetParam());
    LazyImage lazy(bytes.view(), scratch);
    operation(parts[0], {parts.begin() + 2, parts.end()})(lazy);
    const at::Tensor result = to_tensor(lazy.pixels());
    ASSERT_EQ(result.sizes(), expected.sizes());
    const at::Tensor off = result.to(at::kInt).sub(expected.to(at::kInt)).abs();
    // Single precision falls on the other side of a whole number now and then.
    const bool by_floats = parts[0] == "hue";
    EXPECT_LE(off.max().item<int64_t>(), by_floats ? 1 : 0);
    EXPECT_LE(off.gt(0).sum().item<int64_t>(), by_floats ? off.numel() / 500 : 0);
    ++checked[parts[0]];
  }
  const std::map<std::string, int> expected_checks = {
      {"resize", 60},     {"resize_shorter", 10}, {"resized_crop", 12}, {"center_crop", 12},
      {"padded_crop", 4}, {"horizontal_flip", 2}, {"vertical_flip", 2}, {"brightness", 12},
      {"contrast", 12},   {"saturation", 12},     {"hue", 11}};
  EXPECT_EQ(checked, expected_checks);
}

INSTANTIATE_TEST_SUITE_P(Orders, TransformsGoldenTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "interleaved" : "planar"; });

TEST(ResizeTest, RefusesToMakeAThinImageHuge) {
  ImageScratch scratch;
  const std::vector<uint8_t> bytes(4681);
  LazyImage image(planar_image(bytes.data(), 1, 1, 4681), scratch);
  EXPECT_EQ(catch_exceptions([&] {
              resize(image, {.height = 4096, .width = 1 << 20}, ResampleFilter::kBilinear, true);
            }).message(),
            "resize: an image of 1x4681 pixels (height x width) would become 4096x1048576");
}

TEST(NormalizeGoldenTest, HasTorchvisionsBits) {
  const std::map<std::string, at::Tensor> golden = golden_images("transforms");
  int checked = 0;
  for (const auto& [key, expected] : golden) {
    std::vector<std::string> parts = absl::StrSplit(key, ',');
    if (parts[0] != "normalize" && parts[0] != "erase") continue;
    SCOPED_TRACE(key);
    const at::Tensor image = golden.at("image." + parts[1]);
    std::vector<double> values(parts.size() - 2);
    for (size_t i = 0; i < values.size(); ++i) {
      ASSERT_TRUE(absl::SimpleAtod(parts[i + 2], &values[i]));
    }
    const int64_t channels = image.size(0);
    const auto at = values.begin();
    const Normalizer normalizer(
        ChannelStatistics{{at, at + channels}, {at + channels, at + 2 * channels}});
    const PaddedImage from{.pixels = planar_image(image.const_data_ptr<uint8_t>(), channels,
                                                  image.size(1), image.size(2))};
    for (const bool channels_last : {false, true}) {
      const at::Tensor out = at::zeros({1, channels, image.size(1), image.size(2)})
                                 .contiguous(channels_last ? at::MemoryFormat::ChannelsLast
                                                           : at::MemoryFormat::Contiguous);
      const FloatImage to{out.mutable_data_ptr<float>(),
                          channels,
                          out.size(2),
                          out.size(3),
                          out.stride(1),
                          out.stride(2),
                          out.stride(3)};
      normalizer.write(from, to);
      if (parts[0] == "erase") {
        const auto window = at + 2 * channels;
        erase(to,
              {static_cast<int64_t>(window[0]), static_cast<int64_t>(window[1]),
               static_cast<int64_t>(window[2]), static_cast<int64_t>(window[3])},
              static_cast<float>(window[4]));
      }
      EXPECT_TRUE(at::equal(out[0], expected));
      if (parts[0] == "normalize") {
        normalizer.write_portably(from, to);
        EXPECT_TRUE(at::equal(out[0], expected));
      }
    }
    ++checked;
  }
  EXPECT_EQ(checked, 7);
}

}  // namespace
}  // namespace composer
