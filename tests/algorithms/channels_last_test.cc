#include "algorithms/channels_last.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "composer/core/logger.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/data/batches_loader.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/trainer.h"
#include "models/cnn.h"
#include "tests/algorithms/matchers.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::IsNear;

std::shared_ptr<Cnn> contiguous_cnn() {
  at::manual_seed(4);
  return std::make_shared<Cnn>(CnnOptions{.in_channels = 1,
                                          .channels = {4, 6},
                                          .num_classes = 3,
                                          .memory_format = at::MemoryFormat::Contiguous});
}

TEST(ApplyChannelsLast, LaysOutConvolutionsAnewWithTheSameValues) {
  const auto model = contiguous_cnn(), original = contiguous_cnn();
  EXPECT_EQ(apply_channels_last(*model), 2);
  for (const auto& parameter : model->named_parameters()) {
    const at::Tensor& before = original->named_parameters()[parameter.key()];
    EXPECT_TRUE(at::equal(parameter.value(), before)) << parameter.key();
    EXPECT_TRUE(parameter.value().requires_grad()) << parameter.key();
    if (parameter.value().dim() != 4) continue;
    // Of one input channel too, where both layouts are the same bytes.
    EXPECT_EQ(parameter.value().suggest_memory_format(), at::MemoryFormat::ChannelsLast)
        << parameter.key();
  }
}

TEST(ApplyChannelsLast, MakesWhatAConvolutionGivesFollow) {
  const auto model = contiguous_cnn();
  apply_channels_last(*model);
  const at::Tensor weight = model->named_parameters()["blocks.1.conv.weight"];
  const at::Tensor output = at::conv2d(at::randn({2, 4, 8, 8}), weight);
  EXPECT_EQ(output.suggest_memory_format(), at::MemoryFormat::ChannelsLast);
}

TEST(ApplyChannelsLast, FindsNothingInAModelWithoutConvolutions) {
  testing::TinyModel model;
  EXPECT_EQ(apply_channels_last(model), 0);
}

TEST(ChannelsLast, TrainsToTheSameWeightsButForRounding) {
  at::set_num_threads(1);
  const auto trained = [](bool channels_last) {
    TrainerOptions options;
    options.model = contiguous_cnn();
    at::manual_seed(5);
    std::vector<Batch> batches;
    for (int i = 0; i < 3; ++i) {
      batches.push_back(
          {{"input", at::randn({4, 1, 8, 8})}, {"target", at::arange(4).remainder(3)}});
    }
    options.train = std::make_shared<BatchesLoader>(std::move(batches));
    options.max_duration = "3ba";
    options.optimizers = {sgd({.lr = 0.05, .momentum = 0.9})};
    if (channels_last) options.algorithms.push_back(std::make_unique<ChannelsLast>());
    auto trainer = Trainer::create(std::move(options));
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    const absl::Status status = (*trainer)->fit();
    EXPECT_TRUE(status.ok()) << status;
    return (*trainer)->state().model;
  };
  const auto with = trained(true), without = trained(false);
  for (const auto& parameter : without->named_parameters()) {
    EXPECT_THAT(with->named_parameters()[parameter.key()], IsNear(parameter.value(), 1e-4))
        << parameter.key();
  }
  EXPECT_EQ(with->named_parameters()["blocks.1.conv.weight"].suggest_memory_format(),
            at::MemoryFormat::ChannelsLast);
}

}  // namespace
}  // namespace composer
