// How long configs train until the accuracy on their first evaluator's data comes to a target. Each
// config is trained with each seed, the configs by turns; a run ends with its config's
// max_duration, or at the evaluation that reaches the target. Evaluations are not counted in, the
// start of the run is.
//
//   ./bazelw run //benchmarks:time_to_accuracy -- [--target=0.93] [--seeds=17,18,19]
//       [--set=FIELD=VALUE]... CONFIG...
//
// A target above 1 makes each run last to its end: what is reported is then the best accuracy.

#include <c10/util/Exception.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "benchmarks/report.h"
#include "composer/base/status.h"
#include "composer/config/load_config.h"
#include "composer/core/callback.h"
#include "composer/core/state.h"
#include "composer/trainer/from_config.h"
#include "composer/trainer/trainer.h"

namespace composer::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  double target = 0.93;
  std::vector<uint32_t> seeds = {17, 18, 19};
  std::vector<std::string> overrides;
  std::vector<std::string> configs;
};

struct Result {
  /// Of training, until the target was reached; nothing where it was not.
  std::optional<double> seconds;
  double best = 0;
  double seconds_in_all = 0;
  double epochs = 0;
};

double accuracy_of(const MetricValues& metrics) {
  for (const auto& [name, value] : metrics) {
    if (name == "accuracy") return value;
  }
  TORCH_CHECK_VALUE(false, "the first evaluator's metrics have no accuracy");
}

// Watches the accuracy, and the clock where it is not evaluated.
class Watch final : public Callback {
 public:
  Watch(double target, Result& result) : target_(target), result_(result) {}

  void eval_start(State&, Logger&) override { evaluation_start_ = Clock::now(); }
  void eval_end(State& state, Logger&) override {
    const Clock::time_point now = Clock::now();
    evaluating_ += now - evaluation_start_;
    const std::chrono::duration<double> taken = now - start_ - evaluating_;
    const double accuracy = accuracy_of(state.eval_metrics.begin()->second);
    result_.best = std::max(result_.best, accuracy);
    result_.seconds_in_all = taken.count();
    result_.epochs = static_cast<double>(state.timestamp.epoch);
    std::printf("  epoch %3d  %7.1f s  %.4f\n", static_cast<int>(state.timestamp.epoch),
                taken.count(), accuracy);
    std::fflush(stdout);
    if (accuracy < target_ || result_.seconds) return;
    result_.seconds = taken.count();
    state.stop_training("the target is reached");
  }

 private:
  const double target_;
  Result& result_;
  const Clock::time_point start_ = Clock::now();
  Clock::time_point evaluation_start_ = start_;
  Clock::duration evaluating_ = Clock::duration::zero();
};

absl::StatusOr<Result> run_one(const Arguments& arguments, const std::string& path, uint32_t seed) {
  Result result;
  auto watch = std::make_unique<Watch>(arguments.target, result);
  std::vector<std::string> overrides = arguments.overrides;
  overrides.push_back(absl::StrCat("seed=", seed));
  COMPOSER_ASSIGN_OR_RETURN(ResolvedConfig config, load_config(path, overrides));
  config.run.clear_checkpoints();
  config.run.mutable_checkpoints()->set_interval("0ep");
  config.run.mutable_checkpoints()->set_at_end(false);
  config.run.clear_loggers();
  COMPOSER_ASSIGN_OR_RETURN(TrainerOptions options, build_trainer_options(config.run, {}));
  options.callbacks.push_back(std::move(watch));
  COMPOSER_ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                            Trainer::create(std::move(options)));
  COMPOSER_RETURN_IF_ERROR(trainer->fit());
  return result;
}

absl::Status run(const Arguments& arguments) {
  std::vector<Series> seconds, best;
  std::vector<bool> reached(arguments.configs.size(), true);
  for (const std::string& config : arguments.configs) {
    seconds.push_back({std::filesystem::path(config).stem(), {}});
    best.push_back({std::filesystem::path(config).stem(), {}});
  }
  for (const uint32_t seed : arguments.seeds) {
    for (size_t i = 0; i < arguments.configs.size(); ++i) {
      std::printf("%s, seed %u\n", seconds[i].variant.c_str(), seed);
      COMPOSER_ASSIGN_OR_RETURN(const Result result,
                                run_one(arguments, arguments.configs[i], seed));
      best[i].values.push_back(result.best);
      seconds[i].values.push_back(result.seconds.value_or(result.seconds_in_all));
      if (!result.seconds) reached[i] = false;
    }
  }
  for (size_t i = 0; i < arguments.configs.size(); ++i) {
    if (!reached[i]) seconds[i].variant += " (not reached by all)";
  }
  print_report("time_to_accuracy", absl::StrCat(arguments.target), "s", seconds);
  print_report("time_to_accuracy", "best", "accuracy", best);
  return absl::OkStatus();
}

absl::StatusOr<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    bool right = true;
    if (absl::ConsumePrefix(&argument, "--target=")) {
      right = absl::SimpleAtod(argument, &arguments.target);
    } else if (absl::ConsumePrefix(&argument, "--seeds=")) {
      arguments.seeds.clear();
      for (const absl::string_view seed : absl::StrSplit(argument, ',')) {
        right = right && absl::SimpleAtoi(seed, &arguments.seeds.emplace_back());
      }
    } else if (absl::ConsumePrefix(&argument, "--set=")) {
      arguments.overrides.emplace_back(argument);
    } else {
      arguments.configs.emplace_back(argument);
    }
    if (!right) return absl::InvalidArgumentError(absl::StrCat("not understood: ", argv[i]));
  }
  if (arguments.configs.empty()) {
    return absl::InvalidArgumentError(
        "usage: time_to_accuracy [--target=0.93] [--seeds=17,18,19] [--set=FIELD=VALUE]... "
        "CONFIG...");
  }
  return arguments;
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  // `bazel run` starts programs elsewhere; paths are those of whoever calls it.
  if (const char* folder = std::getenv("BUILD_WORKING_DIRECTORY")) {
    std::filesystem::current_path(folder);
  }
  const auto arguments = composer::benchmarks::parse(argc, argv);
  const absl::Status status =
      arguments.ok() ? composer::benchmarks::run(*arguments) : arguments.status();
  if (!status.ok()) std::fprintf(stderr, "time_to_accuracy: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 2;
}
