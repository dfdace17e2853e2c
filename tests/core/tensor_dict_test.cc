#include "composer/core/tensor_dict.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace composer {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> names(const TensorDict& dict) {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : dict) result.push_back(name);
  return result;
}

TEST(TensorDict, KeepsTheOrderInWhichNamesWereSet) {
  TensorDict dict = {{"b", at::zeros({1})}, {"a", at::zeros({2})}};
  dict.set("c", at::zeros({3}));
  dict.set("b", at::zeros({4}));
  EXPECT_THAT(names(dict), ::testing::ElementsAre("b", "a", "c"));
  EXPECT_EQ(dict.at("b").numel(), 4);
  dict.erase("a");
  dict.erase("never there");
  EXPECT_THAT(names(dict), ::testing::ElementsAre("b", "c"));
}

TEST(TensorDict, SaysWhichNamesThereAre) {
  const TensorDict dict = {{"input", at::zeros({1})}, {"target", at::zeros({1})}};
  EXPECT_EQ(dict.find("labels"), nullptr);
  EXPECT_FALSE(dict.contains("labels"));
  try {
    dict.at("labels");
    FAIL() << "nothing was thrown";
  } catch (const c10::IndexError& error) {
    EXPECT_THAT(error.what(), HasSubstr("no tensor \"labels\"; there are input, target"));
  }
}

TEST(TensorDict, CopiesShareTensorsButNotNames) {
  TensorDict dict = {{"input", at::zeros({1})}};
  TensorDict copy = dict;
  copy.set("other", at::zeros({1}));
  EXPECT_FALSE(dict.contains("other"));
  EXPECT_TRUE(copy.at("input").is_same(dict.at("input")));
}

TEST(Batch, CountsSamplesByTheSharedFirstDimension) {
  EXPECT_EQ(Batch().num_samples(), 0);
  EXPECT_EQ((Batch{{"scale", at::scalar_tensor(2.f)}}).num_samples(), 0);
  EXPECT_EQ((Batch{{"scale", at::scalar_tensor(2.f)}, {"input", at::zeros({5, 2})}}).num_samples(),
            5);
  const Batch uneven = {{"input", at::zeros({5, 2})}, {"target", at::zeros({4})}};
  try {
    uneven.num_samples();
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("\"target\" has 4 samples, those before it 5"));
  }
}

TEST(Batch, CountsTheTokensOfInputIds) {
  EXPECT_EQ((Batch{{"input_ids", at::zeros({3, 7}, at::kLong)}}).num_tokens(), 21);
  EXPECT_EQ((Batch{{"input", at::zeros({3, 7})}}).num_tokens(), 0);
}

TEST(Batch, KnowsItsInputAndTargetByEitherName) {
  const Batch image = {{"input", at::zeros({1})}, {"target", at::zeros({1})}};
  const Batch text = {{"input_ids", at::zeros({1})}, {"labels", at::zeros({1})}};
  EXPECT_EQ(image.input_name(), "input");
  EXPECT_EQ(image.target_name(), "target");
  EXPECT_EQ(text.input_name(), "input_ids");
  EXPECT_EQ(text.target_name(), "labels");
}

TEST(Batch, SplitsIntoViewsWithAShorterLastOne) {
  const Batch batch = {{"input", at::arange(14).reshape({7, 2})},
                       {"target", at::arange(7)},
                       {"scale", at::scalar_tensor(2.f)}};
  const std::vector<Batch> parts = batch.split(3);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_EQ(parts[0].num_samples(), 3);
  EXPECT_EQ(parts[2].num_samples(), 1);
  EXPECT_TRUE(at::equal(parts[2].at("target"), at::tensor({6})));
  EXPECT_TRUE(at::equal(parts[1].at("input"), batch.at("input").slice(0, 3, 6)));
  EXPECT_TRUE(parts[1].at("scale").is_same(batch.at("scale")));
  EXPECT_TRUE(parts[1].at("input").is_alias_of(batch.at("input")));
}

TEST(Batch, StaysWholeWhenAMicrobatchHoldsIt) {
  const Batch batch = {{"input", at::zeros({3})}};
  ASSERT_EQ(batch.split(3).size(), 1u);
  EXPECT_TRUE(batch.split(8)[0].at("input").is_same(batch.at("input")));
  EXPECT_THROW(batch.split(0), c10::ValueError);
}

TEST(Batch, MovesToADeviceWithoutCopyingWhatIsThere) {
  const Batch batch = {{"input", at::zeros({3})}};
  EXPECT_TRUE(batch.to(at::kCPU).at("input").is_same(batch.at("input")));
  EXPECT_TRUE(batch.to(at::kMeta).at("input").is_meta());
}

}  // namespace
}  // namespace composer
