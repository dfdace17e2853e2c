// Every two registered algorithms train together, in either order, or are refused by their names
// when the trainer is created. A new algorithm is found by itself; what it is tried on is in
// subject.cc.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/conformance/subject.h"
#include "tests/testing/registered.h"

namespace composer {
namespace {

using testing::Layers;
using testing::SampleLoader;
using testing::Samples;
using testing::Subject;
using testing::subject_of;
using testing::SubjectModel;

constexpr int64_t kBatchSize = 6;

struct Case {
  std::string config;
  std::string settings;

  std::string name() const { return config.substr(config.rfind('.') + 1); }
};

std::unique_ptr<Algorithm> make(const Case& algorithm) {
  auto made = testing::make_registered<Algorithm>(algorithm.config, algorithm.settings);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

// Each algorithm in one way, and once more in the way in which it interpolates losses.
std::vector<Case> cases() {
  std::vector<Case> cases;
  for (const std::string& config : Registry<Algorithm>::global().names()) {
    const std::vector<std::string>& settings = subject_of(config).settings;
    for (const std::string& fields : settings) {
      const Case algorithm{config, fields};
      if (fields == settings.front() || make(algorithm)->traits().interpolates_loss) {
        cases.push_back(algorithm);
      }
    }
  }
  return cases;
}

// Whether it changes the values of an input, which tokens do not stand.
bool needs_floats(const std::string& config) {
  const Samples samples = subject_of(config).samples;
  return samples == Samples::kImages || samples == Samples::kImageDataset ||
         config == "composer.config.MixUp";
}

// Whether it makes one target for each sample of the classes' logits.
bool needs_classes(const std::string& config) { return config == "composer.config.LabelSmoothing"; }

// What both can act on; none for what needs floats and what needs tokens.
std::optional<Subject> common_subject(const std::string& one, const std::string& other) {
  const Subject& a = subject_of(one);
  const Subject& b = subject_of(other);
  const Samples samples = std::max(a.samples, b.samples);
  if (samples >= Samples::kTokens && (needs_floats(one) || needs_floats(other))) return {};
  if (samples == Samples::kTokensWithTargets && (needs_classes(one) || needs_classes(other))) {
    return {};
  }
  return Subject{.samples = samples, .layers = std::max(a.layers, b.layers)};
}

absl::StatusOr<std::unique_ptr<Trainer>> make_trainer(const Subject& subject, const Case& one,
                                                      const Case& other) {
  seed_everything(5);
  TrainerOptions options;
  options.model = std::make_shared<SubjectModel>(subject);
  options.train = std::make_shared<SampleLoader>(subject.samples, 4 * kBatchSize, kBatchSize);
  options.max_duration = "2ba";
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.device_train_microbatch_size = 3;
  options.seed = 5;
  options.algorithms.push_back(make(one));
  options.algorithms.push_back(make(other));
  return Trainer::create(std::move(options));
}

bool is_finite(const Trainer& trainer) {
  for (const auto& parameter : trainer.state().model->named_parameters()) {
    if (!at::isfinite(parameter.value()).all().item<bool>()) return false;
  }
  return true;
}

std::string name_of(const Case& one, const Case& other) {
  std::string first = one.name(), second = other.name();
  if (second < first) std::swap(first, second);
  return absl::StrCat(first, " + ", second);
}

TEST(AlgorithmPairs, TrainTwoStepsOrAreRefusedByName) {
  at::set_num_threads(1);
  std::set<std::string> refused;
  for (const Case& one : cases()) {
    for (const Case& other : cases()) {
      if (one.config == other.config) continue;
      const std::optional<Subject> subject = common_subject(one.config, other.config);
      if (!subject) continue;
      SCOPED_TRACE(absl::StrCat(one.name(), " { ", one.settings, " }, ", other.name(), " { ",
                                other.settings, " }"));
      auto trainer = make_trainer(*subject, one, other);
      if (!trainer.ok()) {
        refused.insert(name_of(one, other));
        EXPECT_TRUE(absl::StrContains(trainer.status().message(), one.name())) << trainer.status();
        EXPECT_TRUE(absl::StrContains(trainer.status().message(), other.name()))
            << trainer.status();
        continue;
      }
      const absl::Status status = (*trainer)->fit();
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_TRUE(is_finite(**trainer));
    }
  }
  EXPECT_EQ(refused, (std::set<std::string>{
                         "CutMix + LabelSmoothing",
                         "CutMix + MixUp",
                         "CutMix + NoOpModel",
                         "Factorize + WeightStandardization",
                         "GatedLinearUnits + GyroDropout",
                         "GatedLinearUnits + NoOpModel",
                         "LabelSmoothing + MixUp",
                         "LabelSmoothing + NoOpModel",
                         "MixUp + NoOpModel",
                     }));
}

// Which pairs are not tried above, so that nobody believes they were.
TEST(AlgorithmPairs, OnlyThoseOfTokensAndOfFloatsHaveNothingInCommon) {
  std::set<std::string> of_tokens, of_floats;
  for (const std::string& config : Registry<Algorithm>::global().names()) {
    const std::string name = Case{config, ""}.name();
    if (subject_of(config).samples >= Samples::kTokens) of_tokens.insert(name);
    if (needs_floats(config)) of_floats.insert(name);
  }
  EXPECT_EQ(of_tokens, (std::set<std::string>{"Alibi", "GatedLinearUnits", "SeqLengthWarmup"}));
  EXPECT_EQ(of_floats,
            (std::set<std::string>{"AugMix", "BatchRandomErasing", "BlurPool", "ChannelsLast",
                                   "ColOut", "CutMix", "CutOut", "Factorize", "GhostBatchNorm",
                                   "MixUp", "ProgressiveResizing", "RandAugment", "SqueezeExcite",
                                   "StochasticDepth", "WeightStandardization"}));
}

}  // namespace
}  // namespace composer
