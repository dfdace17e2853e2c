// What schedules refuse: which field, and what is said about it.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "composer/base/status.h"
#include "composer/core/optimizer.h"
#include "tests/optim/schedules/clocks.h"

namespace composer::testing {
namespace {

struct Refusal {
  std::string config, duration;
  std::optional<int64_t> batches_per_epoch;
  std::string field;
  std::vector<std::string> mentions;
};

void expect_refused(const Refusal& refusal) {
  const absl::Status status =
      schedule(refusal.config)->validate(clock_at(0, refusal.duration, refusal.batches_per_epoch));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << refusal.config << ": " << status;
  EXPECT_EQ(field_of(status), refusal.field) << refusal.config << ": " << status;
  for (const std::string& part : refusal.mentions) {
    EXPECT_NE(status.message().find(part), absl::string_view::npos) << part << ": " << status;
  }
}

TEST(Schedules, RefuseTimesThatDoNotFitTheRun) {
  for (const std::string kind : {"cosine_annealing", "linear", "polynomial", "one_cycle"}) {
    const auto times = [&](const std::string& t_warmup, const std::string& t_max) {
      return kind + " { t_warmup: '" + t_warmup + "' t_max: '" + t_max + "' }";
    };
    for (const Refusal& refusal : std::vector<Refusal>{
             {times("31ba", "1dur"), "3ep", 10, "t_warmup", {"31ba", "1dur", "3ep"}},
             {times("4ep", "30ba"), "3ep", 10, "t_warmup", {"4ep", "30ba", "t_max"}},
             {times("10sp", "1dur"), "3ep", 10, "t_warmup", {"10sp", "1dur", "3ep", "one unit"}},
             {times("1ep", "1dur"), "100ba", {}, "t_warmup", {"1ep", "not known"}},
             {times("1ba", "1dur"), "3ep", {}, "t_max", {"1dur", "3ep", "not known"}},
             {times("1ba", "2ep"), "100ba", {}, "t_max", {"2ep", "not known"}},
             {times("0ba", "0ba"), "3ep", 10, "t_max", {"above 0", "0ba"}},
         }) {
      expect_refused(refusal);
    }
  }
}

TEST(Schedules, RefuseToTrainTheRestOfARunWithALearningRateOfZero) {
  for (const std::string kind : {"cosine_annealing", "linear", "polynomial"}) {
    const std::string early = kind + " { t_max: '2ep' ";
    expect_refused({early + "}", "3ep", 10, "t_max", {"2ep", "3ep", "alpha_f"}});
    expect_refused({early + "}", "21ba", 10, "t_max", {"2ep", "21ba"}});
    // What goes on at alpha_f is a schedule, and so is one that ends with the run or after it.
    EXPECT_TRUE(schedule(early + "alpha_f: 0.1 }")->validate(clock_at(0, "3ep")).ok());
    EXPECT_TRUE(schedule(early + "}")->validate(clock_at(0, "20ba")).ok());
    EXPECT_TRUE(schedule(early + "}")->validate(clock_at(0, "19ba")).ok());
    // Scaled, the times are as long as the run again.
    ScheduleClock clock = clock_at(0, "4ep");
    EXPECT_FALSE(schedule(early + "}")->validate(clock).ok());
    clock.scale_ratio = 2;
    EXPECT_TRUE(schedule(early + "}")->validate(clock).ok());
  }
}

TEST(Schedules, RefuseStepsThatBeginInTheWarmup) {
  expect_refused({"step { step_size: '1ep' t_warmup: '11ba' }",
                  "3ep",
                  10,
                  "t_warmup",
                  {"11ba", "step_size", "1ep"}});
  expect_refused({"multi_step { milestones: '5ba' milestones: '2ep' t_warmup: '1ep' }",
                  "3ep",
                  10,
                  "t_warmup",
                  {"1ep", "5ba"}});
}

TEST(Schedules, RefuseMilestonesThatDoNotIncrease) {
  expect_refused({"multi_step { milestones: '2ep' milestones: '20ba' }",
                  "3ep",
                  10,
                  "milestones[1]",
                  {"20ba must be after 2ep"}});
  expect_refused({"multi_step { milestones: '5ba' milestones: '9ba' milestones: '7ba' }",
                  "3ep",
                  10,
                  "milestones[2]",
                  {"7ba must be after 9ba"}});
  expect_refused({"multi_step { milestones: '5ba' milestones: '100sp' }",
                  "3ep",
                  10,
                  "milestones[1]",
                  {"cannot be compared"}});
  expect_refused({"multi_step {}", "3ep", 10, "milestones", {"at least one"}});
}

TEST(Schedules, RefuseNumbersThatAreNone) {
  expect_refused({"constant { alpha: -1 }", "3ep", 10, "alpha", {"-1"}});
  expect_refused({"linear { alpha_i: nan }", "3ep", 10, "alpha_i", {"nan"}});
  expect_refused({"cosine_annealing { alpha_f: inf }", "3ep", 10, "alpha_f", {"inf"}});
  expect_refused({"step { step_size: '1ep' gamma: 0 }", "3ep", 10, "gamma", {"above 0"}});
  expect_refused({"polynomial { power: 0 }", "3ep", 10, "power", {"above 0"}});
  expect_refused({"one_cycle { div_factor: 0 }", "3ep", 10, "div_factor", {"above 0"}});
  expect_refused({"cosine_annealing_warm_restarts { t_0: '1ep' t_mult: 0.5 }",
                  "3ep",
                  10,
                  "t_mult",
                  {"at least 1"}});
  expect_refused({"exponential { gamma: 10 decay_period: '1ba' }",
                  "400ba",
                  10,
                  "gamma",
                  {"infinite", "400ba"}});
  expect_refused({"inverse_sqrt {}", "3ep", 10, "t_scale", {"warm-up"}});
}

TEST(Schedules, EpochsOfAStreamAreRefusedAndWhatItCountsIsNot) {
  expect_refused({"constant { alpha: 0.5 t_max: '1ep' }", "100ba", {}, "t_max", {"not known"}});
  expect_refused({"constant { alpha: 0.5 }", "2ep", {}, "t_max", {"not known"}});
  expect_refused({"exponential { gamma: 0.5 }", "100ba", {}, "decay_period", {"1ep"}});
  expect_refused({"step { step_size: '1ep' }", "100ba", {}, "step_size", {"1ep"}});
  const auto scheduler = schedule("cosine_annealing { t_warmup: '10ba' }");
  EXPECT_TRUE(scheduler->validate(clock_at(0, "100ba", {})).ok());
  EXPECT_NEAR(scheduler->multiplier(clock_at(5, "100ba", {})), 0.5, 1e-15);
  EXPECT_NEAR(scheduler->multiplier(clock_at(55, "100ba", {})), 0.5, 1e-15);
}

TEST(Sequence, RefusesPartsThatDoNotFollowEachOther) {
  const auto sequence = [](const std::string& first, const std::string& second) {
    return "sequence { parts { until: '" + first +
           "' scheduler { constant {} } } parts { until: '" + second +
           "' scheduler { constant {} } } parts { scheduler { linear {} } } }";
  };
  expect_refused({sequence("1ep", "10ba"), "3ep", 10, "parts[1].until", {"10ba", "after"}});
  expect_refused({sequence("1ep", "3ep"), "3ep", 10, "parts[1].until", {"3ep", "before the run"}});
  expect_refused({sequence("1ep", "100sp"), "3ep", 10, "parts[1].until", {"100sp", "ep or dur"}});
  expect_refused({sequence("1ep", "2ep"), "30ba", {}, "parts[0].until", {"1ep", "not known"}});
  EXPECT_TRUE(schedule(sequence("0.5dur", "2ep"))->validate(clock_at(0, "3ep")).ok());
}

TEST(Sequence, ErrorsOfAPartCarryItsPath) {
  expect_refused(
      {"sequence { parts { until: '1ep' scheduler { linear { t_max: '5ba' } } }"
       " parts { scheduler { constant {} } } }",
       "3ep",
       10,
       "parts[0].scheduler.linear.t_max",
       {"5ba", "would be 0"}});
  expect_refused(
      {"sequence { parts { until: '1ep' scheduler { constant {} } }"
       " parts { scheduler { for_groups { patterns: 'x' scheduler {"
       " step { step_size: '8sp' } } } } } }",
       "3ep",
       10,
       "parts[1].scheduler.for_groups.scheduler.step.step_size",
       {"8sp", "from 1ep on", "give a time in ep or dur"}});
}

TEST(Sequence, AMomentBelongsToThePartThatBeginsThere) {
  const auto scheduler = schedule(
      "sequence { parts { until: '0.3dur' scheduler { constant { alpha: 0.5 } } }"
      " parts { scheduler { constant { alpha: 0.25 } } } }");
  EXPECT_EQ(scheduler->multiplier(clock_at(2, "1ep")), 0.5);
  EXPECT_EQ(scheduler->multiplier(clock_at(3, "1ep")), 0.25);
  EXPECT_EQ(scheduler->multiplier(clock_at(9, "1ep")), 0.25);
}

TEST(Sequence, MayBeAPartOfASequence) {
  const auto scheduler = schedule(
      "sequence { parts { until: '10ba' scheduler { constant {} } }"
      " parts { scheduler { sequence { parts { until: '0.5dur' scheduler { linear {} } }"
      " parts { scheduler { linear { t_warmup: '5ba' } } } } } } }");
  ASSERT_TRUE(scheduler->validate(clock_at(0, "30ba")).ok());
  EXPECT_EQ(scheduler->multiplier(clock_at(9, "30ba")), 1);
  EXPECT_NEAR(scheduler->multiplier(clock_at(15, "30ba")), 0.5, 1e-15);
  EXPECT_NEAR(scheduler->multiplier(clock_at(22, "30ba")), 0.4, 1e-15);
  EXPECT_NEAR(scheduler->multiplier(clock_at(26, "30ba")), 0.8, 1e-15);
}

TEST(ForGroups, LeavesOtherGroupsAlone) {
  const auto scheduler = schedule(
      "for_groups { patterns: 'bias$' patterns: '' scheduler { constant { alpha: 0.5 } } }");
  ParameterGroup group;
  group.pattern = "bias$";
  EXPECT_EQ(scheduler->group_multiplier(group, clock_at(0, "1ep")), 0.5);
  group.pattern = "";
  EXPECT_EQ(scheduler->group_multiplier(group, clock_at(0, "1ep")), 0.5);
  group.pattern = "^fc";
  EXPECT_EQ(scheduler->group_multiplier(group, clock_at(0, "1ep")), 1);
  // Inside a sequence too.
  const auto sequence = schedule(
      "sequence { parts { until: '5ba' scheduler { for_groups { patterns: '^fc' scheduler {"
      " constant { alpha: 0 } } } } } parts { scheduler { constant {} } } }");
  EXPECT_EQ(sequence->group_multiplier(group, clock_at(4, "1ep")), 0);
  EXPECT_EQ(sequence->group_multiplier(group, clock_at(5, "1ep")), 1);
  group.pattern = "";
  EXPECT_EQ(sequence->group_multiplier(group, clock_at(4, "1ep")), 1);
}

TEST(ForGroups, RefusesAPatternThatNoGroupHas) {
  const std::string config = "for_groups { patterns: 'bias$' scheduler { constant {} } }";
  EXPECT_TRUE(schedule(config)->check_groups({"^fc", "bias$", ""}).ok());
  const absl::Status status = schedule(config)->check_groups({"^fc", ""});
  EXPECT_EQ(field_of(status), "patterns[0]");
  EXPECT_EQ(status.message(),
            "no parameter group has the pattern \"bias$\"; the optimizer's groups have \"^fc\" and "
            "\"\"");
  EXPECT_EQ(
      field_of(schedule("sequence { parts { scheduler { " + config + " } } }")->check_groups({""})),
      "parts[0].scheduler.for_groups.patterns[0]");
}

TEST(SchedulerFromConfig, ErrorsCarryTheirField) {
  const auto field = [](const std::string& text) { return field_of(build(text).status()); };
  EXPECT_EQ(field("constant { t_max: '10 epochs' }"), "constant.t_max");
  EXPECT_EQ(field("constant { t_max: '-1ep' }"), "constant.t_max");
  EXPECT_EQ(field("constant { t_max: '2iter' }"), "constant.t_max");
  EXPECT_EQ(field("cosine_annealing { t_warmup: '1h' }"), "cosine_annealing.t_warmup");
  EXPECT_EQ(field("multi_step { milestones: '1ep' milestones: 'x' }"), "multi_step.milestones[1]");
  EXPECT_EQ(field("sequence {}"), "sequence.parts");
  EXPECT_EQ(
      field("sequence { parts { scheduler { linear {} } } parts { scheduler { linear {} } } }"),
      "sequence.parts[0].until");
  EXPECT_EQ(field("sequence { parts { until: '1ep' scheduler { linear {} } } }"),
            "sequence.parts[0].until");
  EXPECT_EQ(field("sequence { parts { scheduler { linear { t_max: '1h' } } } }"),
            "sequence.parts[0].scheduler.linear.t_max");
  EXPECT_EQ(field("sequence { parts {} }"), "sequence.parts[0].scheduler");
  EXPECT_EQ(field("for_groups { scheduler { linear {} } }"), "for_groups.patterns");
  EXPECT_EQ(field("for_groups { patterns: 'x' scheduler { step { step_size: '' } } }"),
            "for_groups.scheduler.step.step_size");
}

}  // namespace
}  // namespace composer::testing
