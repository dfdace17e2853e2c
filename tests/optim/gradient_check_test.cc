#include "composer/optim/gradient_check.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/core/step_check.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// An optimizer of parameters that have these gradients; an undefined one is left out.
testing::PlainSgd optimizer_of(const std::vector<at::Tensor>& gradients) {
  std::vector<NamedParameter> parameters;
  for (const at::Tensor& gradient : gradients) {
    at::Tensor parameter = gradient.defined() ? at::zeros_like(gradient) : at::zeros({2});
    if (parameter.is_sparse()) parameter = parameter.to_dense();
    parameter.set_requires_grad(true);
    if (gradient.defined()) parameter.mutable_grad() = gradient;
    parameters.push_back({absl::StrCat("p", parameters.size()), parameter});
  }
  return testing::PlainSgd(std::move(parameters), 0.1);
}

bool finds(const std::vector<at::Tensor>& gradients) {
  testing::PlainSgd optimizer = optimizer_of(gradients);
  GradientCheck check;
  return is_set(check.unscale(optimizer));
}

TEST(GradientCheckTest, FindsABadValueAnywhereInEveryDtype) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16, at::kHalf}) {
    SCOPED_TRACE(c10::toString(type));
    for (const int64_t size : {1, 7, 64, 1000, (1 << 16) + 3}) {
      const at::Tensor gradient = at::randn({size}).to(type);
      EXPECT_FALSE(finds({gradient}));
      for (const int64_t at : {int64_t{0}, size / 2, size - 1}) {
        for (const float bad : {kNaN, -kNaN, kInfinity, -kInfinity}) {
          const at::Tensor changed = gradient.clone();
          changed[at].fill_(bad);
          EXPECT_TRUE(finds({changed})) << bad << " at " << at << " of " << size;
          EXPECT_TRUE(finds({at::ones({3}), changed, at::ones({3})}));
        }
      }
    }
  }
}

TEST(GradientCheckTest, TheLargestAndSmallestFiniteValuesAreFine) {
  using Limits = std::numeric_limits<float>;
  EXPECT_FALSE(finds({at::tensor({Limits::max(), Limits::lowest(), Limits::denorm_min(), -0.0F})}));
  EXPECT_FALSE(finds({at::full({3}, -65504.0).to(at::kHalf)}));
  EXPECT_FALSE(finds({at::full({3}, 3.38e38).to(at::kBFloat16)}));
  EXPECT_FALSE(finds({at::full({3}, std::numeric_limits<double>::max(), at::kDouble)}));
}

TEST(GradientCheckTest, LooksOnlyAtTheGradientsOwnValues) {
  at::Tensor memory = at::ones({4, 6});
  memory.select(1, 1).fill_(kNaN);
  EXPECT_FALSE(finds({memory.slice(1, 0, 6, 2)}));
  EXPECT_TRUE(finds({memory.slice(1, 1, 6, 2)}));
  EXPECT_TRUE(finds({memory.t()}));
  EXPECT_TRUE(finds({memory.slice(1, 1, 2).expand({4, 8})}));
}

TEST(GradientCheckTest, LeavesOutWhatIsUndefinedOrSparse) {
  EXPECT_FALSE(finds({}));
  EXPECT_FALSE(finds({at::Tensor(), at::ones({2})}));
  EXPECT_FALSE(finds({at::full({2, 2}, kNaN).to_sparse(), at::ones({2})}));
  EXPECT_FALSE(finds({at::empty({0})}));
}

TEST(GradientCheckTest, FlagsHoldUntilTheUpdateAndAreUsedAgainAfterIt) {
  testing::PlainSgd good = optimizer_of({at::ones({3})}), bad = optimizer_of({at::full({3}, kNaN)});
  GradientCheck check;
  const at::Tensor first = check.unscale(bad), second = check.unscale(good);
  EXPECT_TRUE(is_set(first));
  EXPECT_FALSE(is_set(second));
  EXPECT_EQ(first.scalar_type(), at::kFloat);
  EXPECT_EQ(first.dim(), 0);
  check.update();
  EXPECT_TRUE(check.unscale(good).is_same(first));
  EXPECT_FALSE(is_set(first));
}

TEST(AnyFailedTest, IsOneWhenOneIs) {
  const at::Tensor set = at::ones({}), unset = at::zeros({});
  const auto any = [](std::vector<at::Tensor> flags) {
    std::vector<StepCheck> checks;
    for (at::Tensor& flag : flags) checks.push_back({.reason = "a test", .failed = flag});
    return any_failed(checks);
  };
  EXPECT_FALSE(any({}).defined());
  EXPECT_FALSE(is_set(any({unset, unset})));
  EXPECT_TRUE(is_set(any({unset, set})));
  EXPECT_TRUE(is_set(any({set, unset})));
}

}  // namespace
}  // namespace composer
