#include "composer/checkpoint/kept_copy.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/limited_allocator.h"

namespace composer {
namespace {

StateDict sample() {
  StateDict state, part;
  state.set("plain", at::rand({3, 4}));
  state.set("parameter", at::rand({5}).requires_grad_());
  state.set("channels_last", at::rand({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast));
  state.set("slice", at::rand({6, 6}).slice(1, 2, 4));
  state.set("expanded", at::rand({1}).expand({4}));
  state.set("undefined", at::Tensor());
  state.set("empty", at::empty({0}));
  state.set("scalar", at::full({}, 3, at::kLong));
  state.set("count", 7);
  state.set("text", "a");
  part.set("plain", at::rand({7}));
  state.set("part", part);
  return state;
}

at::Tensor tensor(const StateDict& state, const char* name) { return *state.tensor(name); }

TEST(KeptCopyTest, CopiesValuesThatLaterChangesDoNotReach) {
  const StateDict live = sample(), before = live.cloned();
  KeptCopy kept;
  const StateDict copy = kept.copy(live);
  EXPECT_EQ(copy.first_difference(before), "");
  const at::NoGradGuard no_grad;
  for (const auto& [name, value] : live.tensors()) {
    if (name == "expanded") continue;
    if (value.defined()) at::Tensor(value).zero_();
  }
  EXPECT_EQ(copy.first_difference(before), "");
  for (const auto& [name, value] : copy.tensors()) {
    if (!value.defined()) continue;
    EXPECT_TRUE(value.is_contiguous() && !value.requires_grad()) << name;
  }
}

TEST(KeptCopyTest, TheNextCopyTakesNoMemory) {
  testing::LimitedAllocator allocator;
  StateDict live = sample();
  KeptCopy kept;
  const void* const memory = tensor(kept.copy(live), "plain").const_data_ptr();
  live.set("plain", at::rand({3, 4}));
  const int64_t before = allocator.live();
  allocator.reset_peak();
  const StateDict copy = kept.copy(live);
  EXPECT_EQ(allocator.peak(), before);
  EXPECT_EQ(tensor(copy, "plain").const_data_ptr(), memory);
  EXPECT_EQ(copy.first_difference(live), "");
}

TEST(KeptCopyTest, FollowsAStateThatChanges) {
  testing::LimitedAllocator allocator;
  StateDict live;
  live.set("grows", at::rand({100}));
  live.set("goes", at::rand({1000}));
  live.set("turns", at::rand({2, 3}));
  KeptCopy kept;
  kept.copy(live);
  const int64_t before = allocator.live();
  StateDict next;
  next.set("grows", at::rand({200}));
  next.set("turns", at::rand({3, 2}));
  next.set("comes", at::ones({4}, at::kHalf));
  EXPECT_EQ(kept.copy(next).first_difference(next), "");
  next.set("turns", at::ones({3, 2}, at::kInt));
  EXPECT_EQ(kept.copy(next).first_difference(next), "");
  live = {};
  EXPECT_LT(allocator.live(), before) << "what has gone is kept";
}

TEST(KeptCopyTest, SharedTensorsAreCopiedOnceAndApartWhenTheyPart) {
  const at::Tensor weight = at::rand({10, 10});
  StateDict live;
  live.set("a", weight);
  live.set("b", weight);
  live.set("c", weight.t());
  KeptCopy kept;
  StateDict copy = kept.copy(live);
  EXPECT_TRUE(tensor(copy, "a").is_same(tensor(copy, "b")));
  EXPECT_EQ(copy.first_difference(live), "");
  live.set("b", weight + 1);
  copy = kept.copy(live);
  EXPECT_EQ(copy.first_difference(live), "");
}

TEST(KeptCopyTest, ThreadsShareManyAndLargeTensors) {
  at::set_num_threads(4);
  StateDict live;
  for (int64_t i = 0; i < 200; ++i) live.set(absl::StrCat("small", i), at::rand({1 + i * 37}));
  live.set("large", at::rand({3'000'001}));
  live.set("next", at::rand({1'000'003}));
  live.set("empty", at::empty({0}));
  KeptCopy kept;
  EXPECT_EQ(kept.copy(live).first_difference(live), "");
  at::set_num_threads(1);
}

}  // namespace
}  // namespace composer
