#include "algorithms/low_precision_norm.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <functional>

#include "algorithms/low_precision_group_norm.h"
#include "algorithms/low_precision_layer_norm.h"
#include "composer/base/status.h"
#include "composer/core/autocast.h"
#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/golden.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using ::testing::HasSubstr;
using testing::IsExactly;
using testing::IsNear;
using testing::relative_error;

at::Tensor golden(const std::string& name) {
  static const TensorDict tensors =
      testing::read_golden("tests/golden/algorithms/transformer_methods.txt");
  return tensors.at("norm/" + name).clone();
}

at::Tensor layer_norm(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  return low_precision_layer_norm(input, {5}, weight, bias, 1e-5);
}

at::Tensor group_norm(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  return low_precision_group_norm(input, 2, weight, bias, 1e-5);
}

using Norm = std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>;

void expect_composers_values(const std::string& name, const Norm& norm) {
  const at::Tensor input = golden("input"), bias = golden(name + "/bias");
  const at::Tensor weight = golden(name + "/weight").requires_grad_();
  EXPECT_THAT(norm(input, weight, bias).detach(), IsNear(golden(name + "/float32"), 1e-6));
  for (const auto& [precision, dtype, key] :
       {std::tuple(Precision::kAmpBf16, at::kBFloat16, "/bfloat16"),
        std::tuple(Precision::kAmpFp16, at::kHalf, "/float16")}) {
    at::Tensor output;
    {
      const AutocastScope autocast(precision, at::kCPU);
      output = norm(input, weight, bias);
    }
    EXPECT_EQ(output.scalar_type(), dtype) << name;
    // Sums whose order depends on the processor may be rounded to the next number.
    EXPECT_LT(relative_error(output.to(at::kFloat), golden(name + key)), 1e-3) << name << key;
    weight.mutable_grad().reset();
    output.to(at::kFloat).pow(2).sum().backward();
    EXPECT_EQ(weight.grad().scalar_type(), at::kFloat);
    EXPECT_LT(relative_error(weight.grad(), golden(name + key + "/gradient")), 1e-2) << name << key;
  }
}

TEST(LowPrecisionLayerNormFunction, GivesComposersValues) {
  expect_composers_values("layer", layer_norm);
}

TEST(LowPrecisionGroupNormFunction, GivesComposersValues) {
  expect_composers_values("group", group_norm);
}

TEST(LowPrecisionLayerNormFunction, IsTheNormOfWhatWasCast) {
  const at::Tensor input = golden("input"), weight = golden("layer/weight");
  const at::Tensor expected =
      at::layer_norm(input.to(at::kBFloat16), {5}, weight.to(at::kBFloat16), {}, 1e-5);
  const AutocastScope autocast(Precision::kAmpBf16, at::kCPU);
  EXPECT_THAT(layer_norm(input, weight, {}), IsExactly(expected));
}

std::shared_ptr<LayerSequence> norms() {
  auto layers = std::make_shared<LayerSequence>();
  layers->push_back(make_layer<torch::nn::LayerNormImpl>(torch::nn::LayerNormOptions({5})));
  layers->push_back(make_layer<torch::nn::GroupNormImpl>(torch::nn::GroupNormOptions(2, 4)));
  layers->push_back(make_layer<torch::nn::LayerNormImpl>(
      torch::nn::LayerNormOptions({5}).elementwise_affine(false)));
  return layers;
}

TEST(ApplyLowPrecisionNorms, ReplaceTheirKindAndKeepParametersAndNames) {
  const auto layers = norms();
  const auto before = layers->named_parameters();
  const auto replaced = apply_low_precision_layer_norm(*layers);
  ASSERT_EQ(replaced.size(), 2u);
  EXPECT_EQ(replaced[0].name, "0");
  EXPECT_EQ(replaced[0].to, "LPLayerNorm");
  EXPECT_EQ(replaced[1].name, "2");
  EXPECT_EQ(apply_low_precision_group_norm(*layers).size(), 1u);
  EXPECT_TRUE(apply_low_precision_layer_norm(*layers).empty());
  EXPECT_TRUE(apply_low_precision_group_norm(*layers).empty());
  const auto after = layers->named_parameters();
  ASSERT_EQ(after.keys(), before.keys());
  for (const auto& item : before) EXPECT_TRUE(after[item.key()].is_same(item.value()));
}

TEST(ApplyLowPrecisionNorms, WithoutAutocastNothingChanges) {
  const at::Tensor input = golden("input");
  const auto layers = norms();
  const at::Tensor expected = layers->forward(input);
  apply_low_precision_layer_norm(*layers);
  apply_low_precision_group_norm(*layers);
  EXPECT_THAT(layers->forward(input), IsExactly(expected));
  const AutocastScope autocast(Precision::kAmpFp16, at::kCPU);
  EXPECT_EQ(layers->forward(input).scalar_type(), at::kHalf);
}

class NormModel final : public testing::TinyModel {
 public:
  NormModel() { layers = register_module("layers", norms()); }
  std::shared_ptr<LayerSequence> layers;
};

TEST(LowPrecisionLayerNormTest, ActsAtItsEventAndOnlyInHalfPrecisions) {
  Logger logger;
  for (const Event event : {Event::kInit, Event::kBeforeLoad, Event::kAfterLoad}) {
    for (const Precision precision :
         {Precision::kFp32, Precision::kAmpBf16, Precision::kAmpFp16, Precision::kBf16}) {
      State state;
      const auto model = std::make_shared<NormModel>();
      state.model = model;
      state.precision = precision;
      LowPrecisionLayerNorm algorithm(event);
      for (const Event other : {Event::kInit, Event::kBeforeLoad, Event::kAfterLoad}) {
        EXPECT_EQ(algorithm.match(other, state), other == event);
      }
      algorithm.apply(event, state, logger);
      const bool half = precision == Precision::kAmpBf16 || precision == Precision::kAmpFp16;
      EXPECT_EQ(apply_low_precision_layer_norm(*model->layers).empty(), half);
    }
  }
}

TEST(LowPrecisionGroupNormTest, AModelWithoutSuchLayersIsAWarningOrAnError) {
  State state;
  state.model = std::make_shared<testing::TinyModel>();
  state.precision = Precision::kAmpBf16;
  Logger logger;
  LowPrecisionGroupNorm().apply(Event::kInit, state, logger);
  LowPrecisionGroupNorm algorithm(Event::kInit, /*must_match=*/true);
  try {
    algorithm.apply(Event::kInit, state, logger);
    FAIL() << "nothing was thrown";
  } catch (const c10::ValueError& error) {
    EXPECT_THAT(error.what(),
                HasSubstr("LowPrecisionGroupNorm has no effect: the model has no group norms"));
  }
}

TEST(LowPrecisionNormTest, IsMadeFromItsConfigAndRefusesOtherEvents) {
  config::LowPrecisionLayerNorm layer;
  EXPECT_EQ((*LowPrecisionLayerNorm::create(layer))->traits().events,
            std::vector<Event>{Event::kInit});
  layer.set_apply_at(config::AFTER_LOAD);
  EXPECT_EQ((*LowPrecisionLayerNorm::create(layer))->traits().events,
            std::vector<Event>{Event::kAfterLoad});
  config::LowPrecisionGroupNorm group;
  group.set_apply_at(config::BEFORE_LOAD);
  EXPECT_EQ((*LowPrecisionGroupNorm::create(group))->traits().events,
            std::vector<Event>{Event::kBeforeLoad});
  try {
    LowPrecisionGroupNorm algorithm(Event::kFitStart);
    FAIL() << "nothing was thrown";
  } catch (const std::exception& error) {
    EXPECT_THAT(error.what(), HasSubstr("must be init, before_load or after_load, not fit_start"));
  }
}

}  // namespace
}  // namespace composer
