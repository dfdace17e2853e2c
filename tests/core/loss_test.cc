#include "composer/core/loss.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace composer {
namespace {

double value(const at::Tensor& tensor) { return tensor.item<double>(); }

TEST(Loss, IsOneTermCalledTotal) {
  const Loss loss = at::scalar_tensor(3.0);
  ASSERT_EQ(loss.terms().size(), 1u);
  EXPECT_EQ(loss.terms()[0].first, "total");
  EXPECT_EQ(value(loss.total()), 3);
}

TEST(Loss, AddsItsTermsUp) {
  const Loss loss = {{"a", at::scalar_tensor(1.0)}, {"b", at::scalar_tensor(2.5)}};
  EXPECT_EQ(value(loss.total()), 3.5);
}

TEST(Loss, ATermCalledTotalIsTrainedOnAlone) {
  const Loss loss = {{"shown", at::scalar_tensor(1.0)}, {"total", at::scalar_tensor(2.5)}};
  EXPECT_EQ(value(loss.total()), 2.5);
}

TEST(Loss, TermsThatAreNotScalarsCountWithTheirMean) {
  const Loss loss = {{"a", at::tensor({1.0, 3.0})}, {"b", at::scalar_tensor(1.0)}};
  EXPECT_EQ(value(loss.total()), 3);
  EXPECT_EQ(loss.total().dim(), 0);
}

TEST(Loss, IsEmptyWhenTheModelUpdatedItself) {
  EXPECT_TRUE(Loss().empty());
  EXPECT_FALSE(Loss().total().defined());
  EXPECT_TRUE(Loss().scaled(2).empty());
}

TEST(Loss, ScalesEveryTermAndDetachesToScalars) {
  const at::Tensor a = at::tensor({1.0, 3.0}).requires_grad_();
  const Loss loss = {{"a", a}, {"b", at::scalar_tensor(2.0)}};
  EXPECT_EQ(value(loss.scaled(0.5).total()), 2);
  EXPECT_EQ(value(loss.total()), 4);
  const Loss detached = loss.detached();
  EXPECT_FALSE(detached.total().requires_grad());
  EXPECT_EQ(value(detached.terms()[0].second), 2);
}

TEST(Loss, BackwardReachesEveryTerm) {
  const at::Tensor a = at::scalar_tensor(2.0).requires_grad_(),
                   b = at::scalar_tensor(3.0).requires_grad_();
  const Loss loss = {{"a", a * a}, {"b", b * 4}};
  loss.total().backward();
  EXPECT_EQ(value(a.grad()), 4);
  EXPECT_EQ(value(b.grad()), 4);
}

TEST(Loss, AccumulatesTermByTerm) {
  Loss sum;
  sum.add({{"a", at::scalar_tensor(1.0)}, {"b", at::scalar_tensor(2.0)}});
  sum.add({{"b", at::scalar_tensor(3.0)}, {"c", at::scalar_tensor(4.0)}});
  ASSERT_EQ(sum.terms().size(), 3u);
  EXPECT_EQ(value(sum.terms()[0].second), 1);
  EXPECT_EQ(value(sum.terms()[1].second), 5);
  EXPECT_EQ(value(sum.terms()[2].second), 4);
}

TEST(Loss, InterpolatesTermByTermAndRefusesOtherTerms) {
  const Loss a = {{"a", at::scalar_tensor(1.0)}, {"b", at::scalar_tensor(2.0)}};
  const Loss b = {{"a", at::scalar_tensor(3.0)}, {"b", at::scalar_tensor(6.0)}};
  const Loss mixed = lerp(a, b, 0.25);
  EXPECT_EQ(value(mixed.terms()[0].second), 1.5);
  EXPECT_EQ(value(mixed.terms()[1].second), 3);
  EXPECT_THROW(lerp(a, at::scalar_tensor(1.0), 0.5), c10::ValueError);
  EXPECT_THROW(lerp(a, {{"a", at::scalar_tensor(1.0)}, {"c", at::scalar_tensor(1.0)}}, 0.5),
               c10::ValueError);
}

}  // namespace
}  // namespace composer
