// What holds for every schedule, whatever its settings.

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/optim/schedules/clocks.h"

namespace composer::testing {
namespace {

// With WARMUP in the place of a warm-up, and the value after it.
struct Kind {
  std::string config;
  double peak;
};

std::vector<Kind> kinds() {
  return {
      {"constant { alpha: 0.5 t_warmup: 'WARMUP' }", 0.5},
      {"cosine_annealing { alpha_f: 0.1 t_warmup: 'WARMUP' }", 1},
      {"cosine_annealing_warm_restarts { t_0: '0.25dur' t_mult: 1.3 t_warmup: 'WARMUP' }", 1},
      {"exponential { gamma: 0.3 decay_period: '0.5dur' t_warmup: 'WARMUP' }", 1},
      {"inverse_sqrt { t_scale: '0.1dur' t_warmup: 'WARMUP' }", 1},
      {"linear { alpha_i: 0.8 t_warmup: 'WARMUP' }", 0.8},
      {"multi_step { milestones: '1dur' t_warmup: 'WARMUP' }", 1},
      {"polynomial { power: 3 t_warmup: 'WARMUP' }", 1},
      {"step { step_size: '1dur' t_warmup: 'WARMUP' }", 1},
  };
}

std::unique_ptr<Scheduler> with_warmup(const Kind& kind, const std::string& t_warmup) {
  return schedule(absl::StrReplaceAll(kind.config, {{"WARMUP", t_warmup}}));
}

TEST(AllSchedules, TheFirstBatchSeesTheFirstValueAndTheWarmupIsALine) {
  for (const Kind& kind : kinds()) {
    const auto scheduler = with_warmup(kind, "10ba");
    ASSERT_TRUE(scheduler->validate(clock_at(0, "40ba")).ok()) << kind.config;
    for (int64_t batch = 0; batch <= 10; ++batch) {
      EXPECT_NEAR(scheduler->multiplier(clock_at(batch, "40ba")),
                  kind.peak * static_cast<double>(batch) / 10, 1e-15)
          << kind.config << " at " << batch;
    }
  }
}

TEST(AllSchedules, AWarmupOfNoLengthBeginsAtThePeak) {
  for (const Kind& kind : kinds()) {
    for (const char* none : {"0ba", "0ep", "0dur", "0sp", "0tok"}) {
      const auto scheduler = with_warmup(kind, none);
      EXPECT_TRUE(scheduler->validate(clock_at(0, "40ba", {})).ok()) << kind.config;
      EXPECT_EQ(scheduler->multiplier(clock_at(0, "40ba", {})), kind.peak) << kind.config;
    }
  }
}

TEST(AllSchedules, AWarmupOfTheWholeRunEndsAtThePeak) {
  for (const Kind& kind : kinds()) {
    if (kind.config[0] == 's' || kind.config[0] == 'm') continue;  // the step comes there
    for (const char* whole : {"40ba", "4ep", "1dur"}) {
      const auto scheduler = with_warmup(kind, whole);
      const double expected = kind.config[0] == 'c' && kind.config[2] == 'n' ? 1 : kind.peak;
      ASSERT_TRUE(scheduler->validate(clock_at(0, "4ep")).ok()) << kind.config << whole;
      EXPECT_NEAR(scheduler->multiplier(clock_at(39, "4ep")), kind.peak * 39 / 40, 1e-15);
      EXPECT_EQ(scheduler->multiplier(clock_at(40, "4ep")), expected) << kind.config << whole;
    }
  }
}

TEST(AllSchedules, AreContinuousWhereTheWarmupEnds) {
  // A batch is a millionth of the run, so that a jump shows.
  for (const Kind& kind : kinds()) {
    const auto scheduler = with_warmup(kind, "0.3dur");
    const double before = scheduler->multiplier(clock_at(299999, "1000000ba"));
    const double at = scheduler->multiplier(clock_at(300000, "1000000ba"));
    const double after = scheduler->multiplier(clock_at(300001, "1000000ba"));
    EXPECT_NEAR(at, kind.peak, 1e-15) << kind.config;
    EXPECT_NEAR(before, at, 1e-5) << kind.config;
    EXPECT_NEAR(after, at, 1e-4) << kind.config;
  }
}

TEST(AllSchedules, EndAtTheirLastValueAndStayThere) {
  const std::vector<std::pair<std::string, double>> last = {
      {"constant { alpha: 0.5 }", 1},
      {"cosine_annealing { alpha_f: 0.1 t_warmup: '3ba' }", 0.1},
      {"linear { alpha_i: 0.8 alpha_f: 0.3 t_warmup: '3ba' }", 0.3},
      {"linear { alpha_i: 0.1 alpha_f: 1.5 }", 1.5},
      {"polynomial { power: 0.5 alpha_f: 0.2 t_warmup: '1ep' }", 0.2},
      {"one_cycle { div_factor: 5 final_div_factor: 20 }", 0.01},
      {"multi_step { milestones: '1ep' milestones: '1dur' gamma: 0.5 }", 0.25},
  };
  for (const auto& [config, expected] : last) {
    const auto scheduler = schedule(config);
    for (const int64_t batch : {40, 41, 50, 4000}) {
      EXPECT_NEAR(scheduler->multiplier(clock_at(batch, "4ep")), expected, 1e-15)
          << config << " at " << batch;
    }
    EXPECT_GT(std::abs(scheduler->multiplier(clock_at(39, "4ep")) - expected), 1e-4) << config;
  }
}

TEST(AllSchedules, OnlyFallAfterTheWarmup) {
  for (const Kind& kind : kinds()) {
    if (kind.config.find("restarts") != std::string::npos) continue;
    const auto scheduler = with_warmup(kind, "25ba");
    double previous = scheduler->multiplier(clock_at(25, "100ba"));
    for (int64_t batch = 26; batch < 100; ++batch) {
      const double value = scheduler->multiplier(clock_at(batch, "100ba"));
      EXPECT_LE(value, previous) << kind.config << " at " << batch;
      previous = value;
    }
  }
}

TEST(AllSchedules, SayTheSameInEveryUnit) {
  // TIME(n) is n epochs of a run of 40, each of 10 batches of 4 samples and 32 tokens.
  const std::vector<std::string> configs = {
      "constant { alpha: 0.5 t_max: 'TIME(7)' t_warmup: 'TIME(3)' }",
      "cosine_annealing { t_max: 'TIME(40)' t_warmup: 'TIME(3)' }",
      "cosine_annealing_warm_restarts { t_0: 'TIME(3)' t_mult: 2 t_warmup: 'TIME(1)' }",
      "cosine_annealing_warm_restarts { t_0: 'TIME(4)' }",
      "exponential { gamma: 0.9 decay_period: 'TIME(1)' t_warmup: 'TIME(3)' }",
      "inverse_sqrt { t_warmup: 'TIME(3)' }",
      "linear { t_max: 'TIME(30)' alpha_f: 0.1 t_warmup: 'TIME(3)' }",
      "multi_step { milestones: 'TIME(6)' milestones: 'TIME(12)' milestones: 'TIME(28)' "
      "t_warmup: 'TIME(3)' }",
      "one_cycle { t_warmup: 'TIME(12)' t_max: 'TIME(40)' }",
      "polynomial { t_max: 'TIME(40)' t_warmup: 'TIME(3)' }",
      "step { step_size: 'TIME(4)' gamma: 0.5 t_warmup: 'TIME(3)' }",
      "sequence { parts { until: 'TIME(6)' scheduler { linear { alpha_i: 0.1 t_max: 'TIME(7)' } } }"
      " parts { until: 'TIME(24)' scheduler { step { step_size: 'TIME(6)' } } }"
      " parts { scheduler { cosine_annealing { t_warmup: 'TIME(2)' t_max: 'TIME(16)' } } } }",
  };
  struct Unit {
    std::string suffix, duration;
    double epoch;
  };
  const std::vector<Unit> units = {{"ba", "400ba", 10},      {"sp", "1600sp", 40},
                                   {"tok", "12800tok", 320}, {"dur", "40ep", 0.025},
                                   {"dur", "400ba", 0.025},  {"ba", "40ep", 10},
                                   {"ep", "400ba", 1}};
  const auto in_unit = [](std::string config, const Unit& unit) {
    for (size_t at; (at = config.find("TIME(")) != std::string::npos;) {
      const size_t end = config.find(')', at);
      const double epochs = std::stod(config.substr(at + 5, end - at - 5));
      config.replace(at, end + 1 - at, absl::StrCat(epochs * unit.epoch, unit.suffix));
    }
    return config;
  };
  for (const std::string& config : configs) {
    const auto expected = schedule(in_unit(config, {"ep", "40ep", 1}));
    for (const Unit& unit : units) {
      // The parts of a sequence have a "dur" of their own.
      if (unit.suffix == "dur" && config.find("sequence") == 0) continue;
      const auto same = schedule(in_unit(config, unit));
      const absl::Status valid = same->validate(clock_at(0, unit.duration));
      EXPECT_TRUE(valid.ok()) << in_unit(config, unit) << ": " << valid;
      for (int64_t batch = 0; batch <= 420; ++batch) {
        ASSERT_NEAR(same->multiplier(clock_at(batch, unit.duration)),
                    expected->multiplier(clock_at(batch, "40ep")), 1e-12)
            << in_unit(config, unit) << " in " << unit.duration << " at " << batch;
      }
    }
  }
}

TEST(AllSchedules, AScaledRunHasTheSameScheduleMoreSlowly) {
  const std::vector<std::string> configs = {
      "constant { alpha: 0.5 t_max: '7ba' }",
      "cosine_annealing { t_warmup: '3ba' }",
      "cosine_annealing_warm_restarts { t_0: '1ep' t_mult: 2 }",
      "exponential { gamma: 0.9 t_warmup: '0.1dur' }",
      "inverse_sqrt { t_warmup: '12sp' }",
      "linear { t_max: '3ep' alpha_f: 0.1 t_warmup: '4ba' }",
      "multi_step { milestones: '12sp' milestones: '640tok' milestones: '0.75dur' }",
      "one_cycle { t_warmup: '1ep' }",
      "polynomial { t_warmup: '0.1dur' }",
      "step { step_size: '4ba' gamma: 0.5 }",
      "sequence { parts { until: '1ep' scheduler { linear { t_warmup: '5ba' } } }"
      " parts { until: '0.5dur' scheduler { step { step_size: '2ba' } } }"
      " parts { scheduler { cosine_annealing { t_warmup: '5ba' } } } }",
  };
  for (const std::string& config : configs) {
    // Units are compared with each other only where that is known: by batches.
    const bool samples = config.find("sp'") != std::string::npos;
    const auto scheduler = schedule(config);
    ASSERT_TRUE(samples || scheduler->validate(clock_at(0, "4ep")).ok()) << config;
    for (const int64_t ratio : {2, 3}) {
      const std::string longer = absl::StrCat(4 * ratio, "ep");
      for (int64_t batch = 0; batch <= 45; ++batch) {
        ScheduleClock clock = clock_at(ratio * batch, longer);
        clock.scale_ratio = static_cast<double>(ratio);
        ASSERT_NEAR(scheduler->multiplier(clock), scheduler->multiplier(clock_at(batch, "4ep")),
                    1e-12)
            << config << " times " << ratio << " at " << batch;
      }
    }
  }
}

TEST(AllSchedules, AreFiniteAndNotNegativeWhateverTheSettings) {
  std::mt19937 random(5);
  const auto number = [&](double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random);
  };
  const auto integer = [&](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  const auto time = [&]() -> std::string {
    switch (integer(0, 4)) {
      case 0:
        return absl::StrCat(integer(1, 8), "ep");
      case 1:
        return absl::StrCat(integer(1, 100), "ba");
      case 2:
        return absl::StrCat(number(1e-3, 1.2), "dur");
      case 3:
        return absl::StrCat(integer(1, 400), "sp");
      default:
        return absl::StrCat(integer(1, 3000), "tok");
    }
  };
  const auto one = [&]() -> std::string {
    const std::string warmup = absl::StrCat(" t_warmup: '", integer(0, 1) ? time() : "0ba", "' }");
    const std::string t_max = absl::StrCat(" t_max: '", time(), "'");
    const std::string alpha_f = absl::StrCat(" alpha_f: ", integer(0, 1) ? number(0, 2) : 0.0);
    switch (integer(0, 9)) {
      case 0:
        return absl::StrCat("constant { alpha: ", number(0, 3), t_max, warmup);
      case 1:
        return absl::StrCat("cosine_annealing {", alpha_f, t_max, warmup);
      case 2:
        return absl::StrCat("cosine_annealing_warm_restarts { t_0: '", time(),
                            "' t_mult: ", integer(0, 1) ? number(1, 3) : 1.0, alpha_f, warmup);
      case 3:
        return absl::StrCat("exponential { gamma: ", number(1e-3, 1.1), " decay_period: '", time(),
                            "'", warmup);
      case 4:
        return absl::StrCat("inverse_sqrt { t_scale: '", time(), "'", warmup);
      case 5:
        return absl::StrCat("linear { alpha_i: ", number(0, 2), alpha_f, t_max, warmup);
      case 6:
        return absl::StrCat("multi_step { milestones: '", time(), "' milestones: '", time(),
                            "' gamma: ", number(0.01, 2), warmup);
      case 7:
        return absl::StrCat("one_cycle { div_factor: ", number(0.5, 100),
                            " anneal: ", integer(0, 1) ? "LINEAR" : "COSINE", t_max, warmup);
      case 8:
        return absl::StrCat("polynomial { power: ", number(0.1, 5), alpha_f, t_max, warmup);
      default:
        return absl::StrCat("step { step_size: '", time(), "' gamma: ", number(0.01, 1), warmup);
    }
  };
  int valid = 0, sequences = 0;
  for (int i = 0; i < 20000; ++i) {
    const bool sequence = integer(0, 3) == 0;
    const std::string config =
        sequence ? absl::StrCat("sequence { parts { until: '", time(), "' scheduler { ", one(),
                                " } } parts { scheduler { ", one(), " } } }")
                 : one();
    const auto scheduler = schedule(config);
    const std::string duration = std::vector<std::string>{
        absl::StrCat(integer(1, 6), "ep"), absl::StrCat(integer(1, 80), "ba"),
        absl::StrCat(integer(1, 300), "sp"),
        absl::StrCat(integer(1, 2000), "tok")}[static_cast<size_t>(integer(0, 3))];
    const std::optional<int64_t> epoch =
        integer(0, 4) == 0 ? std::optional<int64_t>() : integer(1, 20);
    const double ratio = integer(0, 1) ? number(0.1, 5) : 1;
    ScheduleClock clock = clock_at(0, duration, epoch);
    clock.scale_ratio = ratio;
    if (!scheduler->validate(clock).ok()) continue;
    ++valid;
    sequences += sequence;
    for (int j = 0; j < 20; ++j) {
      clock = clock_at(integer(0, 150), duration, epoch);
      clock.scale_ratio = ratio;
      const double value = scheduler->multiplier(clock);
      ASSERT_TRUE(std::isfinite(value) && value >= 0)
          << config << " in " << duration << " at batch " << clock.now.batch << ": " << value;
    }
  }
  EXPECT_GT(valid, 4000);
  EXPECT_GT(sequences, 100);
}

}  // namespace
}  // namespace composer::testing
