#include "composer/optim/from_config.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"
#include "composer/optim/adamw.h"
#include "composer/optim/sgd.h"
#include "google/protobuf/text_format.h"
#include "proto/optimizer.pb.h"
#include "proto/scheduler.pb.h"

namespace composer {
namespace {

template <typename Config>
Config parse(const std::string& text) {
  Config config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return config;
}

absl::StatusOr<OptimizerFactory> factory(const std::string& text) {
  return build_optimizer_factory(parse<config::Optimizer>(text));
}

std::vector<NamedParameter> parameters() {
  return {{"fc.weight", at::ones({2}).requires_grad_()},
          {"fc.bias", at::ones({2}).requires_grad_()}};
}

// The first parameter after one update with a gradient of 1.
double updated(const OptimizerFactory& factory) {
  const auto all = parameters();
  const auto optimizer = factory(all);
  EXPECT_TRUE(optimizer.ok()) << optimizer.status();
  for (const auto& [name, tensor] : all) tensor.mutable_grad() = at::ones({2});
  (*optimizer)->update();
  (*optimizer)->update();
  return all[0].tensor[0].item<double>();
}

TEST(OptimizerFromConfigTest, EverySettingReachesTheOptimizer) {
  const std::vector<std::pair<std::string, OptimizerFactory>> same = {
      {"sgd { lr: 0.1 }", sgd({.lr = 0.1})},
      {"sgd { lr: 0.1 momentum: 0.9 dampening: 0.2 weight_decay: 0.3 }",
       sgd({.lr = 0.1, .momentum = 0.9, .dampening = 0.2, .weight_decay = 0.3})},
      {"sgd { lr: 0.1 momentum: 0.9 nesterov: true }",
       sgd({.lr = 0.1, .momentum = 0.9, .nesterov = true})},
      {"adamw {}", adamw({})},
      {"adamw { lr: 0.1 beta1: 0.5 beta2: 0.6 eps: 0.1 weight_decay: 0.2 amsgrad: true }",
       adamw({.lr = 0.1,
              .beta1 = 0.5,
              .beta2 = 0.6,
              .eps = 0.1,
              .weight_decay = 0.2,
              .amsgrad = true})},
  };
  for (const auto& [text, expected] : same) {
    const auto built = factory(text);
    ASSERT_TRUE(built.ok()) << built.status();
    EXPECT_EQ(updated(*built), updated(expected)) << text;
  }
}

TEST(OptimizerFromConfigTest, GroupsTakeTheirParameters) {
  const auto built = factory(
      "sgd { lr: 0.1 weight_decay: 0.2 groups { pattern: 'bias$' lr: 0.5 weight_decay: 0 } }");
  ASSERT_TRUE(built.ok());
  const auto optimizer = (*built)(parameters());
  ASSERT_TRUE(optimizer.ok());
  const auto& groups = (*optimizer)->groups();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].parameters[0].name, "fc.bias");
  EXPECT_EQ(groups[0].lr, 0.5);
  EXPECT_EQ(groups[0].weight_decay, 0);
  EXPECT_EQ(groups[1].lr, 0.1);
  EXPECT_EQ(groups[1].weight_decay, 0.2);
}

TEST(OptimizerFromConfigTest, ErrorsCarryTheirField) {
  const auto field = [](const std::string& text) {
    const auto built = factory(text);
    if (!built.ok()) return "at once: " + field_of(built.status());
    return "later: " + field_of((*built)(parameters()).status());
  };
  EXPECT_EQ(field("sgd { lr: 0.1 nesterov: true }"), "at once: sgd.nesterov");
  EXPECT_EQ(field("adamw { groups { pattern: '(' } }"), "at once: adamw.groups[0].pattern");
  EXPECT_EQ(field("adamw { groups { pattern: 'w' } groups { pattern: 'conv' } }"),
            "later: adamw.groups[1].pattern");
  EXPECT_EQ(field("sgd { lr: -1 }"), "at once: sgd");
  EXPECT_FALSE(factory("").ok());
}

TEST(SchedulerFromConfigTest, EverySettingReachesTheScheduler) {
  ScheduleClock clock;
  clock.max_duration = Time::batches(100);
  const auto value = [&](const std::string& text, int64_t batch) {
    const auto scheduler = build_scheduler(parse<config::Scheduler>(text));
    EXPECT_TRUE(scheduler.ok()) << scheduler.status();
    clock.now.batch = batch;
    return (*scheduler)->multiplier(clock);
  };
  EXPECT_EQ(value("constant {}", 10), 1);
  EXPECT_EQ(value("constant { alpha: 0.5 t_max: '20ba' t_warmup: '10ba' }", 5), 0.25);
  EXPECT_EQ(value("constant { alpha: 0.5 t_max: '20ba' }", 19), 0.5);
  EXPECT_EQ(value("constant { alpha: 0.5 t_max: '20ba' }", 20), 1);
  const std::string cosine = "cosine_annealing { t_warmup: '10ba' t_max: '50ba' alpha_f: 0.25 }";
  EXPECT_EQ(value(cosine, 5), 0.5);
  EXPECT_EQ(value(cosine, 30), 0.625);
  EXPECT_EQ(value(cosine, 50), 0.25);
  EXPECT_EQ(value("cosine_annealing {}", 0), 1);
  EXPECT_EQ(value("inverse_sqrt { t_warmup: '10ba' }", 40), 0.5);
}

}  // namespace
}  // namespace composer
