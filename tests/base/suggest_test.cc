#include "composer/base/suggest.h"

#include "gtest/gtest.h"

namespace composer {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("smoothing", "smoothing"), 0);
  EXPECT_EQ(edit_distance("smothing", "smoothing"), 1);
  EXPECT_EQ(edit_distance("smootihng", "smoothing"), 1);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("Label-Smoothing", "label_smoothing"), 0);
}

TEST(Nearest, IsTheFirstOfTheNearestAndNothingWhenNoneIsNear) {
  EXPECT_EQ(nearest("sed", {"device", "seed"}), "seed");
  EXPECT_EQ(nearest("bat", {"cat", "rat"}), "cat");
  EXPECT_EQ(nearest("optimiser", {"optimizer", "model"}), "optimizer");
  EXPECT_EQ(nearest("xyz", {"device", "seed"}), "");
  EXPECT_EQ(nearest("a", {"b"}), "");
  EXPECT_EQ(nearest(std::string(100000, 'a'), {"b"}), "");
}

TEST(Suggestion, NamesTheNearestOrAll) {
  EXPECT_EQ(suggestion("sed", {"seed", "model"}), "did you mean \"seed\"?");
  EXPECT_EQ(suggestion("q", {"seed", "model", "train"}), "known are seed, model and train");
  EXPECT_EQ(suggestion("q", {"seed"}), "known is seed");
  EXPECT_EQ(suggestion("q", {}), "none is known");
}

}  // namespace
}  // namespace composer
