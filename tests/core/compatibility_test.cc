#include "composer/core/compatibility.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "composer/core/model.h"
#include "composer/core/state.h"

namespace composer {
namespace {

using ::testing::HasSubstr;

class Declares : public Algorithm {
 public:
  Declares(std::string name, AlgorithmTraits traits)
      : name_(std::move(name)), traits_(std::move(traits)) {}
  AlgorithmTraits traits() const override { return traits_; }
  bool match(Event, const State&) const override { return false; }
  void apply(Event, State&, Logger&) override {}
  std::string name() const override { return name_; }

 private:
  std::string name_;
  AlgorithmTraits traits_;
};

class Plain : public ComposerModel {
 public:
  Outputs forward(const Batch&) override { return {}; }
  Loss loss(const Outputs&, const Batch&) override { return {}; }
};

class PerSample : public Plain {
 public:
  bool has_per_sample_loss() const override { return true; }
};

std::vector<std::unique_ptr<Algorithm>> list(AlgorithmTraits first, AlgorithmTraits second) {
  std::vector<std::unique_ptr<Algorithm>> algorithms;
  algorithms.push_back(std::make_unique<Declares>("One", std::move(first)));
  algorithms.push_back(std::make_unique<Declares>("Other", std::move(second)));
  return algorithms;
}

TEST(CheckCompatible, AcceptsWhatWorksTogether) {
  EXPECT_TRUE(check_compatible({}, Plain()).ok());
  EXPECT_TRUE(check_compatible(list({.interpolates_loss = true}, {.needs_per_sample_loss = true}),
                               PerSample())
                  .ok());
  EXPECT_TRUE(
      check_compatible(list({.replaces_targets = true}, {.replaces_targets = true}), Plain()).ok());
}

TEST(CheckCompatible, NamesBothOfTwoThatInterpolateTheLoss) {
  const absl::Status status =
      check_compatible(list({.interpolates_loss = true}, {.interpolates_loss = true}), Plain());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("One and Other"));
}

TEST(CheckCompatible, RefusesALossOfItsOwnBesideOtherTargetsInEitherOrder) {
  const AlgorithmTraits loss = {.interpolates_loss = true}, targets = {.replaces_targets = true};
  EXPECT_THAT(
      check_compatible(list(loss, targets), Plain()).message(),
      HasSubstr("One computes a loss of its own, which does not see the targets that Other"));
  EXPECT_THAT(
      check_compatible(list(targets, loss), Plain()).message(),
      HasSubstr("Other computes a loss of its own, which does not see the targets that One"));
}

TEST(CheckCompatible, NamesTheAlgorithmThatNeedsPerSampleLosses) {
  const auto algorithms = list({}, {.needs_per_sample_loss = true});
  const absl::Status status = check_compatible(algorithms, Plain());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("Other"));
  EXPECT_THAT(status.message(), HasSubstr("the model Plain gives none"));
  EXPECT_TRUE(check_compatible(algorithms, PerSample()).ok());
}

}  // namespace
}  // namespace composer
