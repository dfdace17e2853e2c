// Operations and methods against what Composer gives: see tests/golden/data/augmentations.py.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/data/transforms/augmix.h"
#include "composer/data/transforms/colout.h"
#include "composer/data/transforms/randaugment.h"
#include "tests/data/transforms/golden_images.h"

namespace composer {
namespace {

const std::vector<std::string> kNames = {
    "autocontrast", "equalize",    "posterize", "rotate",   "solarize",   "shear_x",  "shear_y",
    "translate_x",  "translate_y", "color",     "contrast", "brightness", "sharpness"};

double number(const std::string& text) {
  double value = 0;
  EXPECT_TRUE(absl::SimpleAtod(text, &value)) << text;
  return value;
}

// As row `i` of a golden file's draws says: operation, level or factor, sign, chain.
DrawnAugmentation drawn(const at::Tensor& rows, int64_t i, const std::string& set,
                        const at::Tensor& image) {
  const auto row = rows.accessor<double, 2>()[i];
  const auto augmentation = static_cast<Augmentation>(row[0]);
  if (set == "all" && augmentation >= Augmentation::kColor) return {augmentation, row[1]};
  const double amount = amount_at(augmentation, row[1], image.size(1), image.size(2));
  const bool two_ways =
      std::set<Augmentation>{Augmentation::kRotate, Augmentation::kShearX, Augmentation::kShearY,
                             Augmentation::kTranslateX, Augmentation::kTranslateY}
          .contains(augmentation);
  return {augmentation, two_ways ? row[2] * amount : amount};
}

class AugmentationGoldenTest : public testing::TestWithParam<bool> {
 protected:
  const std::map<std::string, at::Tensor> golden_ = golden_images("augmentations");
  ImageScratch scratch_;
};

TEST_P(AugmentationGoldenTest, OperationsHaveComposersBytes) {
  std::map<std::string, int> checked;
  for (const auto& [key, expected] : golden_) {
    const std::vector<std::string> parts = absl::StrSplit(key, ',');
    const auto name = std::find(kNames.begin(), kNames.end(), parts[0]);
    if (name == kNames.end()) continue;
    SCOPED_TRACE(key);
    const auto augmentation = static_cast<Augmentation>(name - kNames.begin());
    const at::Tensor image = golden_.at("image." + parts[1]);
    const double amount = parts[2] == "factor"
                              ? number(parts[3])
                              : number(parts[3]) * amount_at(augmentation, number(parts[2]),
                                                             image.size(1), image.size(2));
    const ImageBytes bytes(image, GetParam());
    LazyImage lazy(bytes.view(), scratch_);
    augment(lazy, {augmentation, amount});
    EXPECT_TRUE(at::equal(to_tensor(lazy.pixels()), expected));
    ++checked[parts[0]];
  }
  // Seven images; three levels, and two signs, or five factors of three images.
  const std::map<std::string, int> expected_checks = {
      {"autocontrast", 7}, {"equalize", 7}, {"posterize", 21}, {"rotate", 42},
      {"solarize", 21},    {"shear_x", 42}, {"shear_y", 42},   {"translate_x", 42},
      {"translate_y", 42}, {"color", 36},   {"contrast", 36},  {"brightness", 36},
      {"sharpness", 36}};
  EXPECT_EQ(checked, expected_checks);
}

TEST_P(AugmentationGoldenTest, RandAugmentHasComposersBytesWithItsDraws) {
  int checked = 0;
  for (const auto& [key, expected] : golden_) {
    const std::vector<std::string> parts = absl::StrSplit(key, ',');
    if (parts[0] != "randaugment") continue;
    SCOPED_TRACE(key);
    const at::Tensor image = golden_.at("image." + parts[1]);
    const at::Tensor rows = golden_.at("draws." + key);
    AugmentationChain chain;
    for (int64_t i = 0; i < rows.size(0); ++i) chain.push_back(drawn(rows, i, parts[2], image));
    const ImageBytes bytes(image, GetParam());
    LazyImage lazy(bytes.view(), scratch_);
    randaugment_image(lazy, chain);
    EXPECT_TRUE(at::equal(to_tensor(lazy.pixels()), expected));
    ++checked;
  }
  EXPECT_EQ(checked, 24);
}

TEST_P(AugmentationGoldenTest, AugMixHasComposersBytesWithItsDraws) {
  int checked = 0;
  for (const auto& [key, expected] : golden_) {
    const std::vector<std::string> parts = absl::StrSplit(key, ',');
    if (parts[0] != "augmix") continue;
    SCOPED_TRACE(key);
    const at::Tensor image = golden_.at("image." + parts[1]);
    const at::Tensor rows = golden_.at("draws." + key);
    const at::Tensor weights = golden_.at("weights." + key);
    AugMixDraws draws;
    draws.mixing_weight = weights[-1].item<float>();
    for (int64_t k = 0; k + 1 < weights.size(0); ++k) {
      draws.chains.emplace_back().weight = weights[k].item<float>();
    }
    for (int64_t i = 0; i < rows.size(0); ++i) {
      draws.chains[rows[i][3].item<int64_t>()].augmentations.push_back(
          drawn(rows, i, parts[2], image));
    }
    const ImageBytes bytes(image, GetParam());
    LazyImage lazy(bytes.view(), scratch_);
    augmix_image(lazy, draws);
    EXPECT_TRUE(at::equal(to_tensor(lazy.pixels()), expected));
    ++checked;
  }
  EXPECT_EQ(checked, 24);
}

INSTANTIATE_TEST_SUITE_P(Orders, AugmentationGoldenTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "interleaved" : "planar"; });

struct Range {
  int count = 0;
  int above = 0;
  double least = 1e9;
  double most = -1e9;
};

// What is drawn for images of 30 x 60; `above` counts amounts above `middle`.
std::map<Augmentation, Range> ranges(AugmentationSet set, double severity, double middle) {
  CounterRandom random(7);
  std::map<Augmentation, Range> ranges;
  for (const auto& [augmentation, amount] :
       draw_augmentations(set, severity, 26000, 30, 60, random)) {
    Range& range = ranges[augmentation];
    ++range.count;
    range.above += amount > middle;
    range.least = std::min(range.least, amount);
    range.most = std::max(range.most, amount);
  }
  return ranges;
}

void expect_range(const Range& range, double least, double most) {
  const double slack = 0.01 * (most - least);
  EXPECT_GE(range.least, least);
  EXPECT_LE(range.least, least + slack);
  EXPECT_LE(range.most, most);
  EXPECT_GE(range.most, most - slack);
}

TEST(DrawAugmentations, DrawsEachOfTheSetAsOften) {
  for (const auto& [set, size] : {std::pair(AugmentationSet::kAll, 13),
                                  {AugmentationSet::kSafe, 9},
                                  {AugmentationSet::kOriginal, 13}}) {
    const auto drawn = ranges(set, 5, 0);
    ASSERT_EQ(static_cast<int>(drawn.size()), size);
    for (const auto& [augmentation, range] : drawn) {
      EXPECT_NEAR(range.count, 26000 / size, 250);
      EXPECT_LT(augmentation, static_cast<Augmentation>(size));
    }
  }
}

TEST(DrawAugmentations, AmountsFillTheRangesOfTheSeverity) {
  auto drawn = ranges(AugmentationSet::kAll, 10, 0);
  expect_range(drawn[Augmentation::kPosterize], 1, 4);
  expect_range(drawn[Augmentation::kRotate], -29, 29);
  expect_range(drawn[Augmentation::kSolarize], 1, 254);
  expect_range(drawn[Augmentation::kShearX], -0.3, 0.3);
  expect_range(drawn[Augmentation::kShearY], -0.3, 0.3);
  expect_range(drawn[Augmentation::kTranslateX], -19, 19);
  expect_range(drawn[Augmentation::kTranslateY], -9, 9);
  EXPECT_NEAR(drawn[Augmentation::kShearX].above, drawn[Augmentation::kShearX].count / 2, 120);
  drawn = ranges(AugmentationSet::kOriginal, 10, 1);
  expect_range(drawn[Augmentation::kColor], 0.118, 1.9);
  expect_range(drawn[Augmentation::kBrightness], 0.118, 1.9);
}

TEST(DrawAugmentations, FactorsGoUpAsOftenAsDownAndBrightnessUpLess) {
  auto drawn = ranges(AugmentationSet::kAll, 9, 1);
  for (const Augmentation augmentation : {Augmentation::kColor, Augmentation::kContrast,
                                          Augmentation::kBrightness, Augmentation::kSharpness}) {
    const Range& range = drawn[augmentation];
    EXPECT_NEAR(range.above, range.count / 2, 120);
    EXPECT_NEAR(range.least, 0.19, 0.01);
    EXPECT_NEAR(range.most, augmentation == Augmentation::kBrightness ? 7 : 9, 0.1);
  }
}

TEST(DrawAugmentations, ASeverityOfNothingMovesAndEnhancesNothing) {
  for (const auto& [augmentation, range] : ranges(AugmentationSet::kAll, 0, 0)) {
    const double expected = augmentation == Augmentation::kPosterize  ? 4
                            : augmentation == Augmentation::kSolarize ? 256
                            : augmentation >= Augmentation::kColor    ? 1
                                                                      : 0;
    EXPECT_EQ(range.least, expected);
    EXPECT_EQ(range.most, expected);
  }
}

TEST(DrawAugMix, DrawsDepthsAndWeights) {
  CounterRandom random(3);
  std::map<size_t, int> depths;
  double mixing = 0;
  for (int i = 0; i < 2000; ++i) {
    const AugMixDraws draws = draw_augmix({.width = 4}, 8, 8, random);
    ASSERT_EQ(draws.chains.size(), 4u);
    float sum = 0;
    for (const AugMixDraws::Chain& chain : draws.chains) {
      sum += chain.weight;
      ++depths[chain.augmentations.size()];
    }
    EXPECT_NEAR(sum, 1, 1e-6);
    mixing += draws.mixing_weight / 2000;
  }
  EXPECT_NEAR(mixing, 0.5, 0.03);
  ASSERT_EQ(depths.size(), 3u);
  for (const size_t depth : {1, 2, 3}) EXPECT_NEAR(depths[depth], 8000 / 3, 200);
  EXPECT_EQ(draw_augmix({.depth = 5}, 8, 8, random).chains[0].augmentations.size(), 5u);
}

TEST(ColOutImage, KeepsRowsAndColumnsOfPaddedAndMirroredImages) {
  ImageScratch scratch;
  const at::Tensor image = at::arange(60, at::kByte).view({3, 4, 5});
  const ImageBytes bytes(image, /*interleaved=*/true);
  LazyImage lazy(bytes.view(), scratch);
  lazy.pad(1, 0, 0, 1, 9);
  lazy.flip_horizontally();
  colout_image(lazy, {0, 2, 4}, {0, 1, 5});
  const at::Tensor whole = at::constant_pad_nd(image, {0, 1, 1, 0}, 9).flip({2});
  EXPECT_TRUE(at::equal(
      to_tensor(lazy.pixels()),
      whole.index_select(1, at::tensor({0, 2, 4})).index_select(2, at::tensor({0, 1, 5}))));
}

TEST(ColOutTransform, DrawsRowsAndColumnsInOrderEachAsOften) {
  // Pixels that say where they are.
  const ImageBytes bytes(at::arange(80, at::kByte).view({1, 8, 10}), /*interleaved=*/false);
  const ColOutTransform transform(0.25, 0.5);
  ImageScratch scratch;
  std::map<int64_t, int> rows, columns;
  for (uint64_t key = 0; key < 1000; ++key) {
    CounterRandom random(key);
    LazyImage image(bytes.view(), scratch);
    transform.apply(image, random);
    const at::Tensor kept = to_tensor(image.pixels()).squeeze(0).to(at::kLong);
    ASSERT_EQ(kept.sizes(), (at::IntArrayRef{6, 5}));
    EXPECT_TRUE(kept.diff(1, 0).gt(0).all().item<bool>());
    EXPECT_TRUE(kept.diff(1, 1).gt(0).all().item<bool>());
    for (int64_t y = 0; y < 6; ++y) ++rows[kept[y][0].item<int64_t>() / 10];
    for (int64_t x = 0; x < 5; ++x) ++columns[kept[0][x].item<int64_t>() % 10];
  }
  for (int64_t y = 0; y < 8; ++y) EXPECT_NEAR(rows[y], 750, 60) << y;
  for (int64_t x = 0; x < 10; ++x) EXPECT_NEAR(columns[x], 500, 70) << x;
}

}  // namespace
}  // namespace composer
