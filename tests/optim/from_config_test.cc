#include "composer/optim/from_config.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/optim/adafactor.h"
#include "composer/optim/adagrad.h"
#include "composer/optim/adam.h"
#include "composer/optim/adamw.h"
#include "composer/optim/decoupled_adamw.h"
#include "composer/optim/decoupled_sgdw.h"
#include "composer/optim/lamb.h"
#include "composer/optim/lbfgs.h"
#include "composer/optim/lion.h"
#include "composer/optim/rmsprop.h"
#include "composer/optim/sgd.h"
#include "google/protobuf/text_format.h"
#include "proto/run.pb.h"
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
  auto factories = build_optimizer_factories(parse<config::Run>("optimizer { " + text + " }"));
  if (!factories.ok()) return factories.status();
  return factories->at(0);
}

std::vector<NamedParameter> parameters() {
  return {{"fc.weight", at::ones({2, 2}).requires_grad_()},
          {"fc.bias", at::ones({2}).requires_grad_()}};
}

// The first parameter after one update with a gradient of 1.
double updated(const OptimizerFactory& factory) {
  const auto all = parameters();
  const auto optimizer = factory(all);
  EXPECT_TRUE(optimizer.ok()) << optimizer.status();
  for (int step = 0; step < 3; ++step) {
    (*optimizer)->step([&] {
      for (const auto& [name, tensor] : all) tensor.mutable_grad() = tensor.detach() * (step + 1);
      return all[0].tensor.detach().square().sum();
    });
  }
  return all[0].tensor[0][0].item<double>();
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
      {"adam {}", adam({})},
      {"adam { lr: 0.1 beta1: 0.5 beta2: 0.6 eps: 0.1 weight_decay: 0.2 amsgrad: true }",
       adam({.lr = 0.1,
             .beta1 = 0.5,
             .beta2 = 0.6,
             .eps = 0.1,
             .weight_decay = 0.2,
             .amsgrad = true})},
      {"decoupled_sgdw { lr: 0.1 momentum: 0.9 dampening: 0.2 weight_decay: 0.3 }",
       decoupled_sgdw({.lr = 0.1, .momentum = 0.9, .dampening = 0.2, .weight_decay = 0.3})},
      {"decoupled_sgdw { lr: 0.1 momentum: 0.9 nesterov: true }",
       decoupled_sgdw({.lr = 0.1, .momentum = 0.9, .nesterov = true})},
      {"decoupled_adamw {}", decoupled_adamw({})},
      {"decoupled_adamw { lr: 0.1 beta1: 0.5 beta2: 0.6 eps: 0.1 weight_decay: 0.2 amsgrad: true }",
       decoupled_adamw({.lr = 0.1,
                        .beta1 = 0.5,
                        .beta2 = 0.6,
                        .eps = 0.1,
                        .weight_decay = 0.2,
                        .amsgrad = true})},
      {"rmsprop {}", rmsprop({})},
      {"rmsprop { lr: 0.1 alpha: 0.8 eps: 0.1 weight_decay: 0.2 momentum: 0.3 centered: true }",
       rmsprop({.lr = 0.1,
                .alpha = 0.8,
                .eps = 0.1,
                .weight_decay = 0.2,
                .momentum = 0.3,
                .centered = true})},
      {"adagrad {}", adagrad({})},
      {"adagrad { lr: 0.1 lr_decay: 0.2 weight_decay: 0.3 initial_accumulator_value: 0.4 eps: 0.5 "
       "}",
       adagrad({.lr = 0.1,
                .lr_decay = 0.2,
                .weight_decay = 0.3,
                .initial_accumulator_value = 0.4,
                .eps = 0.5})},
      {"lamb {}", lamb({})},
      {"lamb { lr: 0.1 beta1: 0.5 beta2: 0.6 eps: 0.1 weight_decay: 0.2 }",
       lamb({.lr = 0.1, .beta1 = 0.5, .beta2 = 0.6, .eps = 0.1, .weight_decay = 0.2})},
      {"lion {}", lion({})},
      {"lion { lr: 0.1 beta1: 0.5 beta2: 0.6 weight_decay: 0.2 }",
       lion({.lr = 0.1, .beta1 = 0.5, .beta2 = 0.6, .weight_decay = 0.2})},
      {"adafactor {}", adafactor({})},
      {"adafactor { lr: 0.1 beta2_decay: -0.5 eps1: 0.1 eps2: 0.2 clipping_threshold: 0.3 "
       "weight_decay: 0.4 }",
       adafactor({.lr = 0.1,
                  .beta2_decay = -0.5,
                  .eps1 = 0.1,
                  .eps2 = 0.2,
                  .clipping_threshold = 0.3,
                  .weight_decay = 0.4})},
      {"lbfgs {}", lbfgs({})},
      {"lbfgs { lr: 0.1 max_iter: 3 max_eval: 2 tolerance_grad: 1e-3 tolerance_change: 1e-4 "
       "history_size: 2 line_search: STRONG_WOLFE }",
       lbfgs({.lr = 0.1,
              .max_iter = 3,
              .max_eval = 2,
              .tolerance_grad = 1e-3,
              .tolerance_change = 1e-4,
              .history_size = 2,
              .strong_wolfe = true})},
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

TEST(OptimizerFromConfigTest, OneSwitchSparesBiasesAndNormsTheDecay) {
  for (const std::string name :
       {"sgd { lr: 0.1 ", "adam { ", "adamw { ", "decoupled_sgdw { lr: 0.1 ", "decoupled_adamw { ",
        "rmsprop { ", "adagrad { ", "lamb { ", "lion { ", "adafactor { "}) {
    const auto built = factory(name + "weight_decay: 0.001 no_decay_on_bias_and_norm: true }");
    ASSERT_TRUE(built.ok()) << built.status();
    const auto optimizer = (*built)(parameters());
    ASSERT_TRUE(optimizer.ok()) << optimizer.status();
    const auto& groups = (*optimizer)->groups();
    ASSERT_EQ(groups.size(), 2u) << name;
    EXPECT_EQ(groups[0].weight_decay, 0.001);
    EXPECT_EQ(groups[1].parameters[0].name, "fc.bias");
    EXPECT_EQ(groups[1].weight_decay, 0);
  }
}

// Where and what goes wrong in a run's config, at once or when the parameters are known.
std::string refusal(const std::string& text) {
  const auto factories = build_optimizer_factories(parse<config::Run>(text));
  if (!factories.ok()) {
    return absl::StrCat("at once: ", field_of(factories.status()), ": ",
                        factories.status().message());
  }
  for (const OptimizerFactory& factory : *factories) {
    const auto optimizer = factory(parameters());
    if (optimizer.ok()) continue;
    return absl::StrCat("later: ", field_of(optimizer.status()), ": ",
                        optimizer.status().message());
  }
  return "no error";
}

TEST(OptimizerFromConfigTest, ErrorsCarryTheirField) {
  const auto field = [](const std::string& text) {
    const std::string found = refusal("optimizer { " + text + " }");
    return found.substr(0, found.find(": ", found.find(": ") + 2));
  };
  EXPECT_EQ(field("sgd { lr: 0.1 nesterov: true }"), "at once: optimizer.sgd.nesterov");
  EXPECT_EQ(field("decoupled_sgdw { lr: 0.1 nesterov: true }"),
            "at once: optimizer.decoupled_sgdw.nesterov");
  EXPECT_EQ(field("adamw { groups { pattern: '(' } }"),
            "at once: optimizer.adamw.groups[0].pattern");
  EXPECT_EQ(field("adamw { groups { pattern: 'w' } groups { pattern: 'conv' } }"),
            "later: optimizer.adamw.groups[1].pattern");
  EXPECT_EQ(field("adamw { groups { pattern: 'fc' } groups { pattern: 'bias' } }"),
            "later: optimizer.adamw.groups[1].pattern");
  EXPECT_EQ(field("sgd { lr: -1 }"), "at once: optimizer.sgd");
  EXPECT_EQ(field("sgd { lr: 1 } parameters: '('"), "at once: optimizer.parameters");
  EXPECT_EQ(field(""), "at once: optimizer");
}

TEST(OptimizersFromConfigTest, EachTakesItsParameters) {
  const auto factories = build_optimizer_factories(
      parse<config::Run>("optimizers { parameters: 'bias$' sgd { lr: 0.1 } } "
                         "optimizers { parameters: 'weight$' adamw { lr: 0.2 } }"));
  ASSERT_TRUE(factories.ok()) << factories.status();
  ASSERT_EQ(factories->size(), 2u);
  const auto first = (*factories)[0](parameters()), second = (*factories)[1](parameters());
  ASSERT_TRUE(first.ok() && second.ok()) << first.status() << second.status();
  ASSERT_EQ((*first)->groups()[0].parameters.size(), 1u);
  EXPECT_EQ((*first)->groups()[0].parameters[0].name, "fc.bias");
  EXPECT_EQ((*second)->groups()[0].parameters[0].name, "fc.weight");
  EXPECT_EQ((*second)->groups()[0].lr, 0.2);
  EXPECT_TRUE(build_optimizer_factories(config::Run())->empty());
}

TEST(OptimizersFromConfigTest, EveryParameterIsTakenByExactlyOne) {
  EXPECT_EQ(refusal("optimizers { parameters: 'weight' sgd { lr: 1 } } optimizers { adamw {} }"),
            "later: optimizers[1].parameters: \"fc.weight\" is taken by optimizers[1] (all) and by "
            "optimizers[0] (\"weight\"); a parameter belongs to one optimizer");
  EXPECT_EQ(refusal("optimizers { parameters: 'weight' sgd { lr: 1 } }"),
            "later: optimizers[0].parameters: no optimizer takes \"fc.bias\"");
  EXPECT_EQ(refusal("optimizers { parameters: 'fc' sgd { lr: 1 } } "
                    "optimizers { parameters: 'head' adamw {} }"),
            "later: optimizers[1].parameters: \"head\" finds no parameter");
  EXPECT_EQ(refusal("optimizer { adamw {} } optimizers { adamw {} }").substr(0, 21),
            "at once: optimizers: ");
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
