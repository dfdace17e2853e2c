#include "composer/core/state_dict.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace composer {
namespace {

using ::testing::HasSubstr;

StateDict example() {
  StateDict inner;
  inner.set("momentum", at::arange(3, at::kFloat));
  StateDict state;
  state.set("steps", int64_t{1} << 60);
  state.set("lr", 0.1);
  state.set("name", "sgd");
  state.set("on", true);
  state.set("inner", std::move(inner));
  return state;
}

TEST(StateDict, GivesBackWhatWasSet) {
  const StateDict state = example();
  EXPECT_EQ(*state.integer("steps"), int64_t{1} << 60);
  EXPECT_EQ(*state.number("lr"), 0.1);
  EXPECT_EQ(*state.string("name"), "sgd");
  EXPECT_EQ(*state.integer("on"), 1);
  EXPECT_TRUE(at::equal(*(*state.child("inner"))->tensor("momentum"), at::tensor({0.f, 1.f, 2.f})));
  EXPECT_FALSE(state.empty());
  EXPECT_TRUE(StateDict().empty());
}

TEST(StateDict, SaysWhatItHasInsteadOfWhatIsMissing) {
  const absl::Status status = example().number("rate").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("no number \"rate\"; it has lr"));
  EXPECT_THAT(StateDict().tensor("x").status().message(), HasSubstr("it has none"));
  EXPECT_FALSE(example().integer("lr").ok()) << "names belong to a kind";
}

TEST(StateDict, ClonesOwnTheirTensors) {
  StateDict state = example();
  const at::Tensor shared = *(*state.child("inner"))->tensor("momentum");
  const StateDict copy = state, clone = state.cloned();
  shared.fill_(7);
  EXPECT_TRUE(copy.identical(state));
  EXPECT_EQ(clone.first_difference(state), "inner.momentum");
}

TEST(StateDict, IsIdenticalBitByBit) {
  const double nan = std::nan("");
  StateDict a, b;
  a.set("x", at::tensor({nan, 0.0}));
  b.set("x", at::tensor({nan, 0.0}));
  a.set("n", nan);
  b.set("n", nan);
  EXPECT_TRUE(a.identical(b));
  b.set("x", at::tensor({nan, -0.0}));
  EXPECT_EQ(a.first_difference(b), "x");
}

TEST(StateDict, DiffersByTypeShapeAndPresence) {
  StateDict a, b;
  a.set("x", at::zeros({2}));
  b.set("x", at::zeros({2}, at::kInt));
  EXPECT_FALSE(a.identical(b));
  b.set("x", at::zeros({2, 1}));
  EXPECT_FALSE(a.identical(b));
  b.set("x", at::Tensor());
  EXPECT_FALSE(a.identical(b));
  EXPECT_EQ(StateDict().first_difference(a), "x");
  EXPECT_EQ(a.first_difference(StateDict()), "x");
}

TEST(StateDict, ComparesTensorsByValueWhateverTheirMemoryOrder) {
  StateDict a, b;
  const at::Tensor matrix = at::arange(6).reshape({2, 3});
  a.set("x", matrix);
  b.set("x", matrix.t().contiguous().t());
  EXPECT_TRUE(a.identical(b));
}

TEST(StateDict, NamesTheFirstDifferenceOfEveryKind) {
  const auto difference = [](auto&& change) {
    StateDict other = example();
    change(other);
    return example().first_difference(other);
  };
  EXPECT_EQ(difference([](StateDict&) {}), "");
  EXPECT_EQ(difference([](StateDict& s) { s.set("steps", 1); }), "steps");
  EXPECT_EQ(difference([](StateDict& s) { s.set("lr", 0.2); }), "lr");
  EXPECT_EQ(difference([](StateDict& s) { s.set("name", "adamw"); }), "name");
  EXPECT_EQ(difference([](StateDict& s) { s.set("more", StateDict()); }), "more");
  EXPECT_EQ(difference([](StateDict& s) { s.set("inner", StateDict()); }), "inner.momentum");
}

}  // namespace
}  // namespace composer
