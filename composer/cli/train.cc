#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "composer/base/atomic_file.h"
#include "composer/base/posix_file.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/checkpoint/weights.h"
#include "composer/cli/commands.h"
#include "composer/cli/config_arguments.h"
#include "composer/cli/config_changes.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/interrupt.h"
#include "composer/cli/log_output.h"
#include "composer/cli/resume.h"
#include "composer/cli/resume_command.h"
#include "composer/cli/start_record.h"
#include "composer/cli/stop_at.h"
#include "composer/cli/summary.h"
#include "composer/config/chosen_item.h"
#include "composer/config/print.h"
#include "composer/core/model.h"

namespace composer {
namespace {

struct TrainArguments : ConfigArguments {
  std::string resume;
  std::vector<std::string> allowed_changes;
  std::string stop_at;
};

// An error with what the command exits with for it.
struct Failure {
  absl::Status status;
  int exit_code;
};

// What training needs and evaluation does not. All that is missing at once.
absl::Status check_trainable(const config::Run& run) {
  std::vector<std::string> missing;
  if (!run.has_train()) missing.push_back("train (the data)");
  if (!run.has_optimizer() && run.optimizers_size() == 0) missing.push_back("optimizer");
  if (!run.has_max_duration()) missing.push_back("max_duration");
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("training needs ", enumerate(missing, "and"),
                                                 ", which the config does not have"));
}

void add_default_loggers(config::Run& run) {
  if (!run.loggers().empty()) return;
  run.add_loggers()->mutable_jsonl();
  run.add_loggers()->mutable_console();
}

void say_all(LogOutput& log, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log.say(line);
}

// Whether a checkpoint was saved after the last step of its run.
bool is_at_its_end(const Checkpoint& checkpoint, const Time& max_duration) {
  if (reached(checkpoint.time, max_duration)) return true;
  const absl::StatusOr<const StateDict*> loop = checkpoint.state.child("loop");
  return loop.ok() && (*loop)->strings().count("stop_reason") > 0;
}

// One call of `composer train`, in the order of its methods.
class TrainCommand {
 public:
  TrainCommand(const TrainArguments& arguments, bool terminal, LogOutput& log,
               ResolvedConfig& config)
      : arguments_(arguments), terminal_(terminal), log_(log), config_(config), run_(config.run) {}

  int run() {
    if (const auto failure = prepare(); failure) return fail(*failure);
    if (SignalScope::pending()) return kExitSignal + SignalScope::received();
    if (ended_before()) return kExitOk;
    if (const auto failure = begin(); failure) return fail(*failure);
    const absl::Status status = trainer_->fit();
    trainer_->close();
    return finish(status);
  }

 private:
  static std::optional<Failure> wrong(const absl::Status& status, int exit_code) {
    if (status.ok()) return std::nullopt;
    return Failure{status, exit_code};
  }

  int fail(const Failure& failure) {
    log_.fail(error_text("train", config_, failure.status));
    return failure.exit_code;
  }

  const std::string& path() const { return place_->directory.path(); }

  // The folder, the checkpoint, the trainer. Changes nothing in the folder of a run that exists but
  // its log.
  std::optional<Failure> prepare() {
    if (auto no = wrong(check_trainable(run_), kExitUsage)) return no;
    const absl::StatusOr<ResumeRequest> request = parse_resume(arguments_.resume);
    if (!request.ok()) return Failure{request.status(), kExitUsage};
    if (auto no = wrong(read_stop_at(), kExitUsage)) return no;
    if (request->mode == ResumeRequest::Mode::kNever && !arguments_.allowed_changes.empty()) {
      return Failure{absl::InvalidArgumentError("--allow-config-change is for --resume"),
                     kExitUsage};
    }
    const std::string derived = derived_run_name(arguments_.config, absl::Now());
    if (auto no = wrong(name_run(*request, derived, run_), kExitUsage)) return no;
    add_default_loggers(run_);

    absl::StatusOr<RunPlace> place = take_run_directory(*request, run_);
    if (!place.ok()) return Failure{place.status(), kExitUsage};
    place_.emplace(*std::move(place));
    if (auto no = wrong(log_.open(path() + "/train.log"), kExitFailure)) return no;
    if (place_->begun) {
      auto point = find_resume_point(*request, place_->directory);
      if (!point.ok()) return Failure{point.status(), exit_code_of_search(point.status())};
      point_ = *std::move(point);
    }
    if (point_) {
      if (auto no = wrong(compare_configs(), kExitUsage)) return no;
      record_.emplace(point_->path);
    }
    return make_trainer();
  }

  static int exit_code_of_search(const absl::Status& status) {
    return absl::IsNotFound(status) ? kExitUsage : kExitFailure;
  }

  absl::Status read_stop_at() {
    if (arguments_.stop_at.empty()) return absl::OkStatus();
    COMPOSER_ASSIGN_OR_RETURN(stop_at_, parse_stop_at(arguments_.stop_at));
    return absl::OkStatus();
  }

  absl::Status compare_configs() {
    COMPOSER_ASSIGN_OR_RETURN(const config::Run then, config_of(*point_));
    COMPOSER_ASSIGN_OR_RETURN(const std::vector<FieldDifference> changes,
                              check_config_changes(then, run_, arguments_.allowed_changes));
    for (const FieldDifference& change : changes) {
      log_.say(
          absl::StrCat("changed: ", change.path, " was ", change.first, ", is ", change.second));
    }
    return absl::OkStatus();
  }

  std::optional<Failure> make_trainer() {
    std::vector<BoundaryHook> hooks;
    if (stop_at_) hooks.push_back(stop_at(*stop_at_));
    if (record_) hooks.push_back([this](State& state) { record_->look(); });
    config::Run run = run_;
    if (point_) {
      // The checkpoint has the weights, wherever they came from at first.
      run.clear_weights();
      run.clear_init_from();
    }
    auto trainer = create_trainer(
        run, {.run_dir = path(), .terminal = terminal_, .config_text = print_resolved(config_)},
        std::move(hooks));
    if (!trainer.ok()) return Failure{trainer.status(), exit_code_of_setup(trainer.status())};
    trainer_ = *std::move(trainer);
    return std::nullopt;
  }

  // A run that has come to its end is left as it is.
  bool ended_before() {
    if (!point_ || !is_at_its_end(point_->checkpoint, *trainer_->state().max_duration))
      return false;
    std::ifstream file(result_path());
    const std::string result{std::istreambuf_iterator<char>(file), {}};
    if (result.empty()) return false;  // what comes after the last step was not done
    trainer_->close();
    log_.say(absl::StrCat("there is nothing left to train: the run in ", path(), " has ended"));
    absl::PrintF("%s", result);
    return true;
  }

  std::string result_path() const { return path() + "/result.json"; }

  std::optional<Failure> begin() {
    const auto text = print_resolved(config_);
    absl::Status status = write_file_atomically(path() + "/config.textproto", text);
    if (const auto learnt = trainer_->state().dataloader->learnt(); status.ok() && learnt) {
      status = write_file_atomically(path() + "/train_learnt.json", *learnt);
    }
    if (status.ok()) status = remove_path(result_path());
    if (!status.ok()) return Failure{status, kExitFailure};
    say_all(log_, start_summary(*trainer_, chosen_item(run_.model())->field));
    log_.say(absl::StrCat("writing to ", path()));
    if (point_) {
      if (auto no = wrong(load(), kExitFailure)) return no;
    } else if (place_->begun) {
      if (auto no = wrong(begin_again(), kExitFailure)) return no;
    }
    if (!stop_at_) return std::nullopt;
    status = check_stop_at(*stop_at_, trainer_->state());
    if (!status.ok() && record_) record_->succeed();  // which is not the checkpoint's fault
    return wrong(status, kExitUsage);
  }

  absl::Status load() {
    log_.say(describe(*point_));
    COMPOSER_RETURN_IF_ERROR(record_->begin());
    if (absl::Status status = trainer_->load_checkpoint(point_->checkpoint); !status.ok()) {
      // What was allowed to be another model need not take its state.
      if (!arguments_.allowed_changes.empty()) record_->succeed();
      return status;
    }
    point_->checkpoint.state = {};  // as large as the model and its optimizer
    return set_aside_newer(*point_, path());
  }

  // What a killed start left in the folder is of steps that are taken again.
  absl::Status begin_again() {
    log_.say(absl::StrCat("no checkpoint was saved in ", path(), ": the run begins again"));
    for (const auto& destination : trainer_->logger().destinations()) {
      COMPOSER_RETURN_IF_ERROR(destination->load_state_dict({}));
    }
    return absl::OkStatus();
  }

  int finish(absl::Status status) {
    const State& state = trainer_->state();
    // What fails in the first step was never right: nothing is left of it.
    if (!status.ok() && state.timestamp.batch == 0 && !is_diverged(status) && !place_->begun) {
      log_.say(absl::StrCat("nothing was trained: ", path(), " is removed"));
      return fail({status, exit_code_of_setup(status)});
    }
    place_->directory.keep();
    if (record_) status.ok() ? record_->succeed() : record_->look_at_last();
    if (status.ok()) status = save_weights(*state.model, path() + "/model.safetensors");
    say_all(log_, end_summary(*trainer_));
    for (const std::string& line : timing_summary(*trainer_)) log_.note(line);
    if (!status.ok()) return fail({status, exit_code_of_run(status)});
    log_.say(absl::StrCat("wrote ", path(), "/model.safetensors"));
    const std::string result = result_json(state, path()) + "\n";
    absl::PrintF("%s", result);
    if (!state.interrupted) {
      status = write_file_atomically(result_path(), result);
      return status.ok() ? kExitOk : fail({status, kExitFailure});
    }
    log_.say(absl::StrCat("to go on: ", resume_command(arguments_, path())));
    return SignalScope::pending() ? kExitSignal + SignalScope::received() : kExitOk;
  }

  const TrainArguments& arguments_;
  const bool terminal_;
  LogOutput& log_;
  ResolvedConfig& config_;
  config::Run& run_;
  std::optional<Time> stop_at_;
  std::optional<RunPlace> place_;
  std::optional<ResumePoint> point_;
  std::optional<StartRecord> record_;
  std::unique_ptr<Trainer> trainer_;
};

int train(const TrainArguments& arguments) {
  const bool terminal = stderr_is_terminal();
  LogOutput log(terminal, arguments.verbosity);
  absl::StatusOr<ResolvedConfig> config = read_config(arguments);
  if (!config.ok()) {
    log.fail(config.status().message());
    return kExitUsage;
  }
  const SignalScope signals;
  return TrainCommand(arguments, terminal, log, *config).run();
}

}  // namespace

void add_train(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<TrainArguments>();
  CLI::App* command = app.add_subcommand("train", "Trains what a config describes");
  add_config_arguments(*command, *arguments);
  command
      ->add_flag("--resume{auto}", arguments->resume,
                 "Continues a run: `auto`, which is meant where nothing is said, the run of this "
                 "run_name if its folder exists, and begins it otherwise; `must` refuses to begin "
                 "one, `never` to continue; the folder of a run, or of a checkpoint in it, names "
                 "what is continued")
      ->option_text("[=auto|never|must|FOLDER]");
  command
      ->add_option("--allow-config-change", arguments->allowed_changes,
                   "A field, with those below it, that may differ from the config that the resumed "
                   "run was begun with; may be repeated")
      ->allow_extra_args(false)
      ->option_text("FIELD");
  command
      ->add_option(
          "--stop-at", arguments->stop_at,
          "Trains up to there (\"137ba\", \"2ep\"), saves a checkpoint and ends as after a "
          "signal, but with exit code 0; duration and schedules stay the run's")
      ->option_text("TIME");
  command->footer(
      "SIGTERM and SIGINT save a checkpoint and end the run, SIGUSR1 saves one and goes on.");
  command->callback([arguments, &exit_code] { exit_code = train(*arguments); });
}

}  // namespace composer
