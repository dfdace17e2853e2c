#include "composer/nn/self_attention.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <memory>
#include <vector>

#include "composer/nn/conv1d.h"

namespace composer {
namespace {

// Every position asks for what is like itself.
class Plain final : public SelfAttention {
 public:
  explicit Plain(const SelfAttentionOptions& options) : SelfAttention(options) {}
  at::Tensor forward(const at::Tensor& input, const at::Tensor& mask) override {
    return attend(input, input, input, mask);
  }
};

constexpr int64_t kBatch = 3, kLength = 5, kHeads = 2, kSize = 4;

at::Tensor input() {
  at::set_num_threads(1);
  at::manual_seed(1);
  return at::randn({kBatch, kLength, kHeads * kSize}, at::kDouble);
}

at::Tensor tokens() {
  at::Tensor tokens = at::ones({kBatch, kLength}, at::kLong);
  tokens[1].slice(0, 3).zero_();
  tokens[2].slice(0, 0, 2).zero_();
  return tokens;
}

at::Tensor slopes() { return at::tensor({0.5, 0.125}); }

// By loops, for one query of one head of one sample.
at::Tensor expected(const at::Tensor& x, int64_t sample, int64_t head, int64_t query, bool causal,
                    bool masked, bool biased) {
  const at::Tensor states = x[sample].slice(1, head * kSize, (head + 1) * kSize);
  std::vector<double> weights;
  double sum = 0;
  for (int64_t key = 0; key < kLength; ++key) {
    double score = states[query].dot(states[key]).item<double>() / std::sqrt(double(kSize));
    if (biased) score -= slopes()[head].item<double>() * std::abs(double(query - key));
    const bool seen =
        (!causal || key <= query) && (!masked || tokens()[sample][key].item<int64_t>() != 0);
    weights.push_back(seen ? std::exp(score) : 0);
    sum += weights.back();
  }
  at::Tensor result = at::zeros({kSize}, at::kDouble);
  for (int64_t key = 0; key < kLength; ++key) result += states[key] * (weights[key] / sum);
  return result;
}

struct Case {
  bool causal, masked, biased, fused;
};

class SelfAttentionTest : public ::testing::TestWithParam<Case> {};

TEST_P(SelfAttentionTest, IsThatOfLoops) {
  const Case& given = GetParam();
  Plain attention({.num_heads = kHeads, .causal = given.causal});
  if (given.biased) attention.set_linear_biases(std::make_shared<LinearBiases>(slopes()));
  if (!given.fused) {
    ASSERT_TRUE(attention.slots()[0]->replace(make_layer<torch::nn::IdentityImpl>()));
  }
  const at::Tensor x = input();
  const at::Tensor mask = given.masked ? attention_mask(tokens(), given.causal) : at::Tensor();
  const at::Tensor actual = attention.forward(x, mask);
  EXPECT_TRUE(actual.isfinite().all().item<bool>());
  for (int64_t sample = 0; sample < kBatch; ++sample) {
    for (int64_t head = 0; head < kHeads; ++head) {
      for (int64_t query = 0; query < kLength; ++query) {
        // What padding gathers does not matter.
        if (given.masked && tokens()[sample][query].item<int64_t>() == 0) continue;
        const at::Tensor found = actual[sample][query].slice(0, head * kSize, (head + 1) * kSize);
        EXPECT_TRUE(found.allclose(
            expected(x, sample, head, query, given.causal, given.masked, given.biased), 1e-7, 1e-7))
            << sample << " " << head << " " << query;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, SelfAttentionTest, ::testing::ValuesIn([] {
      std::vector<Case> cases;
      for (int i = 0; i < 16; ++i) {
        cases.push_back({(i & 1) != 0, (i & 2) != 0, (i & 4) != 0, (i & 8) != 0});
      }
      return cases;
    }()),
    [](const auto& info) {
      const Case& given = info.param;
      return std::string(given.causal ? "Causal" : "Both") + (given.masked ? "Masked" : "") +
             (given.biased ? "Biased" : "") + (given.fused ? "Fused" : "Unfused");
    });

TEST(LinearBiasesTest, AreKeptForALength) {
  LinearBiases biases(slopes());
  const at::Tensor query = at::zeros({1, kHeads, 4, 2});
  const at::Tensor kept = biases.of(query, /*causal=*/true);
  EXPECT_TRUE(biases.of(query, /*causal=*/true).is_same(kept));
  EXPECT_EQ(kept.sizes(), at::IntArrayRef({1, kHeads, 4, 4}));
  EXPECT_EQ(kept[0][0][3][1].item<double>(), -1);
  EXPECT_LT(kept[0][0][1][3].item<double>(), -1e30);
  EXPECT_EQ(biases.of(query, /*causal=*/false)[0][1][1][3].item<double>(), -0.25);
  EXPECT_EQ(biases.of(query.slice(2, 0, 3), /*causal=*/false).size(3), 3);
  const at::Tensor half = biases.of(query.to(at::kHalf), /*causal=*/true);
  EXPECT_EQ(half.scalar_type(), at::kHalf);
  EXPECT_TRUE(half.isfinite().all().item<bool>());
}

TEST(LinearBiasesTest, EachHeadNeedsASlope) {
  Plain attention({.num_heads = 3});
  EXPECT_THROW(attention.set_linear_biases(std::make_shared<LinearBiases>(slopes())),
               c10::ValueError);
  EXPECT_THROW(LinearBiases(at::ones({2, 2})), c10::ValueError);
  attention.set_linear_biases(nullptr);
  EXPECT_EQ(attention.linear_biases(), nullptr);
}

TEST(SelfAttentionDropoutTest, ActsInTrainingAlone) {
  Plain attention({.num_heads = kHeads, .dropout = 0.5});
  const at::Tensor x = input();
  EXPECT_FALSE(attention.forward(x, {}).equal(attention.forward(x, {})));
  attention.eval();
  EXPECT_TRUE(attention.forward(x, {}).equal(attention.forward(x, {})));
}

TEST(Conv1dTest, IsALinearLayerWithTheWeightTransposed) {
  Conv1d conv(3, 2);
  conv.bias.detach().normal_();
  for (const at::Tensor& x : {at::randn({4, 3}), at::randn({2, 5, 3})}) {
    EXPECT_TRUE(conv.forward(x).allclose(at::linear(x, conv.weight.t(), conv.bias)));
  }
}

}  // namespace
}  // namespace composer
