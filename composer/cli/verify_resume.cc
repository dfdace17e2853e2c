#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/cli/child_process.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/interrupt.h"
#include "composer/cli/log_output.h"
#include "composer/cli/run_digest.h"
#include "composer/cli/stop_at.h"
#include "composer/cli/summary.h"
#include "composer/cli/temporary_folder.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

struct VerifyArguments : ConfigArguments {
  std::vector<std::string> stops;
};

std::string metrics_file_of(const config::Run& run) {
  if (run.loggers().empty()) return config::Jsonl().filename();
  for (const config::Logger& logger : run.loggers()) {
    if (logger.has_jsonl()) return logger.jsonl().filename();
  }
  return "";
}

std::string last_lines(const std::string& path, size_t count) {
  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - count);
  return absl::StrJoin(lines, "\n");
}

// Trains in processes of their own, in the folder `parent`.
class Runs {
 public:
  Runs(const VerifyArguments& arguments, std::string parent)
      : arguments_(arguments), parent_(std::move(parent)) {}

  std::string folder(const std::string& name) const { return absl::StrCat(parent_, "/", name); }

  // One start of the run called `name`.
  absl::Status train(const std::string& name, const std::vector<std::string>& options) const {
    std::vector<std::string> words = {"train", arguments_.config};
    words.insert(words.end(), options.begin(), options.end());
    for (const std::string& file : arguments_.plugins.files) {
      words.insert(words.end(), {"--plugin", file});
    }
    words.insert(words.end(), arguments_.overrides.begin(), arguments_.overrides.end());
    // The two runs save where they end, and nowhere else.
    words.insert(words.end(),
                 {absl::StrCat("run_name=", name), absl::StrCat("output_dir=", parent_),
                  "checkpoints={interval: '0ep', at_end: true, on_failure: STOP_RUN}"});
    const std::string output = absl::StrCat(parent_, "/", name, ".output");
    COMPOSER_ASSIGN_OR_RETURN(const int exit_code, run_this_program(words, output));
    if (SignalScope::pending()) return absl::CancelledError("stopped");
    if (exit_code == kExitOk) return absl::OkStatus();
    return absl::UnknownError(absl::StrCat("composer ", absl::StrJoin(words, " "),
                                           "\nended with exit code ", exit_code, ":\n",
                                           last_lines(output, 10)));
  }

 private:
  const VerifyArguments& arguments_;
  const std::string parent_;
};

struct Verification {
  RunDigest unbroken;
  RunDigest resumed;
};

absl::StatusOr<Verification> train_both_ways(const VerifyArguments& arguments,
                                             const config::Run& run, const std::string& parent,
                                             LogOutput& log) {
  const std::string metrics_file = metrics_file_of(run);
  const Runs runs(arguments, parent);
  Verification result;
  log.say("training without a stop");
  COMPOSER_RETURN_IF_ERROR(runs.train("unbroken", {}));
  COMPOSER_ASSIGN_OR_RETURN(result.unbroken, digest_of_run(runs.folder("unbroken"), metrics_file));

  const std::string resume = absl::StrCat("--resume=", runs.folder("resumed"));
  for (size_t i = 0; i < arguments.stops.size(); ++i) {
    const std::string stop = absl::StrCat("--stop-at=", arguments.stops[i]);
    log.say(absl::StrCat(i == 0 ? "training" : "resuming", " up to ", arguments.stops[i]));
    COMPOSER_RETURN_IF_ERROR(runs.train("resumed", i == 0
                                                       ? std::vector<std::string>{stop}
                                                       : std::vector<std::string>{resume, stop}));
    if (fs::exists(runs.folder("resumed") + "/result.json")) {
      return absl::InvalidArgumentError(absl::StrCat("the run ends before ", arguments.stops[i]));
    }
  }
  log.say("resuming to the end");
  COMPOSER_RETURN_IF_ERROR(runs.train("resumed", {resume}));
  COMPOSER_ASSIGN_OR_RETURN(result.resumed, digest_of_run(runs.folder("resumed"), metrics_file));
  return result;
}

// One line for each hash, both where they differ.
int report(const Verification& runs, const std::string& metrics_file, LogOutput& log) {
  std::string json = "{";
  const auto compare = [&](const std::string& what, const std::string& a, const std::string& b) {
    log.say(absl::StrFormat("%-14s %s  %s", what, a, a == b ? "equal" : "unbroken"));
    if (a != b) log.say(absl::StrFormat("%-14s %s  resumed", "", b));
    absl::StrAppend(&json, json_quote(what), ":", json_quote(a), ",");
  };
  const auto& [a, b] = runs;
  compare("weights", a.weights_hash(), b.weights_hash());
  compare("optimizer", a.optimizer_hash(), b.optimizer_hash());
  compare("rest", a.rest_hash(), b.rest_hash());
  if (!metrics_file.empty()) compare(metrics_file, a.metrics_hash(), b.metrics_hash());
  const std::string difference = first_difference(a, b);
  const bool equal = difference.empty();
  log.say(equal ? absl::StrCat("the resumed run is bit-equal to the unbroken one after ",
                               with_commas(a.time.batch), " batches")
                : absl::StrCat("the runs differ, first in ", difference));
  absl::PrintF("%s\"equal\":%s}\n", json, equal ? "true" : "false");
  return equal ? kExitOk : kExitFailure;
}

int verify_resume(const VerifyArguments& arguments) {
  LogOutput log(stderr_is_terminal(), arguments.verbosity);
  const auto fail = [&](const absl::Status& status, int exit_code) {
    log.fail(absl::StrCat("composer verify-resume: ", status.message()));
    return exit_code;
  };
  const absl::StatusOr<ResolvedConfig> config = read_config(arguments);
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  for (const std::string& stop : arguments.stops) {
    if (const auto time = parse_stop_at(stop); !time.ok()) return fail(time.status(), kExitUsage);
  }
  const SignalScope signals;
  const absl::StatusOr<TemporaryFolder> folder = TemporaryFolder::create();
  if (!folder.ok()) return fail(folder.status(), kExitFailure);
  const auto runs = train_both_ways(arguments, config->run, folder->path(), log);
  if (SignalScope::pending()) return kExitSignal + SignalScope::received();
  if (!runs.ok()) return fail(runs.status(), kExitFailure);
  return report(*runs, metrics_file_of(config->run), log);
}

}  // namespace

void add_verify_resume(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = app.add_subcommand(
      "verify-resume", "Trains with and without stops and compares every bit of the results");
  add_config_arguments(*command, *arguments);
  command
      ->add_option("--at", arguments->stops,
                   "Where the run is stopped and resumed (\"137ba\"); several are stops in a row")
      ->required()
      ->allow_extra_args(false)
      ->option_text("TIME");
  command->footer(
      "Prints SHA-256 of the final weights, of the optimizer's state, of all else in the last "
      "checkpoint but clocks, and of the metrics but times and rates; exits with 0 when all are "
      "equal and 1 otherwise. Trains in temporary folders (TMPDIR), which it removes.");
  command->callback([arguments, &exit_code] { exit_code = verify_resume(*arguments); });
}

}  // namespace composer
