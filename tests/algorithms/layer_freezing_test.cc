#include "algorithms/layer_freezing.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"
#include "tests/algorithms/weight_runs.h"
#include "tests/testing/resume.h"

namespace composer {
namespace {

using testing::list_of;
using testing::run_options;
using testing::weight_run;

std::unique_ptr<Algorithm> layer_freezing(LayerFreezingOptions options) {
  return std::make_unique<LayerFreezing>(options);
}

TEST(FrozenLayers, AreAsManyAsComposers) {
  const at::Tensor rows = weight_run("layer_freezing");
  const auto row = rows.accessor<double, 2>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    EXPECT_EQ(frozen_layers(7, row[i][0], row[i][1], row[i][2]), row[i][3])
        << row[i][0] << " " << row[i][1] << " " << row[i][2];
  }
}

TEST(FrozenLayers, TheOnlyLayerIsNever) {
  EXPECT_EQ(frozen_layers(1, 1, 0, 1), 0);
  EXPECT_EQ(frozen_layers(0, 1, 0, 1), 0);
}

TEST(LayerParameters, AreThoseOfEachModuleThatHasSomeOfItsOwn) {
  testing::RunNet net;
  net.named_parameters()["bn.bias"].set_requires_grad(false);
  const auto layers = layer_parameters(net);
  ASSERT_EQ(layers.size(), 3u);  // fc1, bn, fc2
  EXPECT_EQ(layers[0].size(), 2u);
  EXPECT_EQ(layers[1].size(), 1u);
  EXPECT_TRUE(layers[2][1].is_same(net.named_parameters()["fc2.bias"]));
}

// Which weights a batch leaves as they are. Not biases: that before a batch norm has no gradient.
class Watcher final : public Callback {
 public:
  void batch_start(State& state, Logger&) override {
    before_.clear();
    for (const auto& parameter : state.model->named_parameters()) {
      if (!absl::EndsWith(parameter.key(), ".weight")) continue;
      before_.emplace_back(parameter.key(), parameter.value().detach().clone());
    }
  }
  void batch_end(State& state, Logger&) override {
    std::string same;
    for (const auto& [name, tensor] : before_) {
      if (at::equal(state.model->named_parameters()[name], tensor)) same += name + " ";
    }
    unchanged.push_back(same);
  }

  static inline std::vector<std::string> unchanged;

 private:
  std::vector<std::pair<std::string, at::Tensor>> before_;
};

TEST(LayerFreezing, FrozenLayersStayAndAllAreTrainableAfterwards) {
  TrainerOptions options = run_options(list_of(layer_freezing({.freeze_start = 0})));
  options.max_duration = "10ba";
  options.callbacks.push_back(std::make_unique<Watcher>());
  Watcher::unchanged.clear();
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  ASSERT_TRUE((*trainer)->fit().ok());
  // Of three layers one is frozen from half of the run on; two would be at its end.
  const std::string first = "fc1.weight ";
  EXPECT_THAT(Watcher::unchanged,
              ::testing::ElementsAre("", "", "", "", "", first, first, first, first, first));
  for (const auto& parameter : (*trainer)->state().model->named_parameters()) {
    EXPECT_TRUE(parameter.value().requires_grad()) << parameter.key();
  }
}

TEST(LayerFreezing, GoesOnFromACheckpointWithTheSameBits) {
  testing::expect_exact_resume(
      [] {
        TrainerOptions options =
            run_options(list_of(layer_freezing({.freeze_start = 0, .freeze_level = 1})));
        options.max_duration = "8ba";
        return options;
      },
      {{{Event::kBatchEnd, 1}},
       {{Event::kBatchEnd, 4}},
       {{Event::kAfterForward, 5}},
       {{Event::kBatchEnd, 3}, {Event::kBatchEnd, 6}}});
}

TEST(LayerFreezing, RefusesSettingsThatMakeNoSense) {
  config::LayerFreezing config;
  EXPECT_TRUE(LayerFreezing::create(config).ok());
  config.set_freeze_start(1);
  EXPECT_EQ(field_of(LayerFreezing::create(config).status()), "freeze_start");
  config.set_freeze_start(0);
  config.set_freeze_level(1.1);
  EXPECT_EQ(field_of(LayerFreezing::create(config).status()), "freeze_level");
}

}  // namespace
}  // namespace composer
