#include "composer/core/autocast.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <stdexcept>

namespace composer {
namespace {

at::ScalarType product_type() {
  return at::matmul(at::ones({2, 2}), at::ones({2, 2})).scalar_type();
}

TEST(AutocastScopeTest, MultipliesInThePrecisionsTypeAndNoLonger) {
  {
    const AutocastScope scope(Precision::kAmpBf16, at::kCPU);
    EXPECT_EQ(product_type(), at::kBFloat16);
  }
  EXPECT_EQ(product_type(), at::kFloat);
  {
    const AutocastScope scope(Precision::kAmpFp16, at::kCPU);
    EXPECT_EQ(product_type(), at::kHalf);
  }
  EXPECT_EQ(product_type(), at::kFloat);
}

TEST(AutocastScopeTest, Fp32AndPureBf16AreNoAutocast) {
  for (const Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const AutocastScope scope(precision, at::kCPU);
    EXPECT_EQ(product_type(), at::kFloat);
  }
}

TEST(AutocastScopeTest, InsideAnotherGivesBackWhatWasBefore) {
  const at::ScalarType dtype = at::autocast::get_autocast_dtype(at::kCPU);
  {
    const AutocastScope outer(Precision::kAmpFp16, at::kCPU);
    {
      const AutocastScope inner(Precision::kAmpBf16, at::kCPU);
      EXPECT_EQ(product_type(), at::kBFloat16);
    }
    EXPECT_EQ(product_type(), at::kHalf);
    EXPECT_THROW(
        {
          const AutocastDisabled disabled(at::kCPU);
          EXPECT_EQ(product_type(), at::kFloat);
          throw std::runtime_error("as a model may");
        },
        std::runtime_error);
    EXPECT_EQ(product_type(), at::kHalf);
  }
  EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
  EXPECT_EQ(at::autocast::get_autocast_dtype(at::kCPU), dtype);
}

TEST(AutocastDisabledTest, OutsideOfAutocastDoesNothing) {
  { const AutocastDisabled disabled(at::kCPU); }
  EXPECT_EQ(product_type(), at::kFloat);
}

// Weights are cast once and kept, so that a changed one would go on being used as it was.
TEST(AutocastScopeTest, WhatWasCastIsDroppedWhereWeightsMayChange) {
  const at::Tensor weight = at::ones({1, 1}).requires_grad_(), input = at::ones({1, 1});
  const auto product = [&] { return at::linear(input, weight).item<float>(); };
  const auto set = [&](double value) {
    const at::NoGradGuard no_grad;
    weight.fill_(value);
  };
  {
    const AutocastScope scope(Precision::kAmpBf16, at::kCPU);
    EXPECT_EQ(product(), 1);
    {
      const AutocastScope inner(Precision::kAmpBf16, at::kCPU);
      set(2);
    }
    EXPECT_EQ(product(), 1) << "nothing is kept, so there is nothing to test";
    {
      const AutocastDisabled disabled(at::kCPU);
      set(3);
    }
    EXPECT_EQ(product(), 3);
    set(4);
  }
  const AutocastScope scope(Precision::kAmpBf16, at::kCPU);
  EXPECT_EQ(product(), 4);
}

TEST(UpcastHalfTest, MakesHalfPrecisionSingleAndLeavesTheRest) {
  EXPECT_EQ(upcast_half(at::ones({2}, at::kBFloat16)).scalar_type(), at::kFloat);
  EXPECT_EQ(upcast_half(at::ones({2}, at::kHalf)).scalar_type(), at::kFloat);
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kLong}) {
    const at::Tensor tensor = at::ones({2}, type);
    EXPECT_TRUE(upcast_half(tensor).is_same(tensor));
  }
}

}  // namespace
}  // namespace composer
