#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "composer/base/time.h"
#include "composer/core/state.h"
#include "composer/core/step_start.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// What becomes of a step whose numbers are not finite, or that a StepCheck is against. Its update
/// never happens.
enum class OnBadStep {
  /// `fit` ends with a diverged_error; the step is saved for `composer replay`.
  kStop,
  /// The step does not count, and the next batch comes.
  kSkip,
  /// Nobody looks; the checks that others make are without effect.
  kIgnore,
  /// A checkpoint is loaded, and training goes on behind the step.
  kRollback,
};

/// Stands around each step of `fit` and carries out OnBadStep, by State::step_checks. Steps that a
/// loss scale expects to overflow are counted as skipped under every policy.
///
/// After a bad step the model's buffers and the default generators are as before it, parameters and
/// optimizers have not changed, and the clock stands before it (stop) or is counted as skipped
/// (skip). Only what a model that updates itself has done before the bad update stays.
///
/// On the CPU, flags are read at the end of the step. On another device they are copied to the host
/// meanwhile, and read in the next step before its update, so that nobody waits; when they say that
/// a step was bad and is skipped, the next one is repeated from its start, as if its predecessor
/// had never been. A model that updates itself, or an optimizer that computes the loss repeatedly,
/// is waited for.
class StepGuard {
 public:
  struct Options {
    OnBadStep policy = OnBadStep::kStop;
    /// Steps in a row that may be skipped; at one more the run stops.
    int64_t max_consecutive_skips = 10;
    /// Bad steps are saved in DIR/ba12; nowhere when empty.
    std::string dir = {};
    /// The run's config, to be saved with them.
    std::string config_text = {};
    /// For kRollback: loads a checkpoint in the place of a bad step of so many samples and tokens.
    std::function<absl::Status(const Timestamp& step, int64_t samples, int64_t tokens)> roll_back =
        nullptr;
    /// Flags are read as on another device.
    bool treat_cpu_as_device = false;
  };

  /// What `settle` found out about the step before.
  enum class Verdict {
    kCounts,
    /// It was left out as expected: the schedules' clock goes back.
    kLeftOut,
    /// It was skipped, and everything is as before it: the present step begins again.
    kSkipped,
  };

  /// `start` is what steps begin with, saved by who calls `run` when the guard `watches`; `repeat`
  /// computes loss and gradients of a batch again. All three outlive the guard.
  StepGuard(State& state, std::optional<StepStart>& start, Options options,
            std::function<void(const Batch&)> repeat);
  ~StepGuard();

  /// Whether there is anything to watch for.
  bool watches() const { return options_.policy != OnBadStep::kIgnore; }

  /// Calls `step`, which takes a step over `batch`. Throws a diverged_error as the policy says.
  void run(const Batch& batch, int64_t samples, int64_t tokens, absl::FunctionRef<void()> step);

  /// Adds to the checks whether the step's loss is finite: on the CPU, or when it is `logged`.
  void check_loss(const at::Tensor& loss, bool logged);

  /// The flag for the optimizers to heed; undefined when there is nothing to heed.
  at::Tensor failed() const;

  /// Reads the flags of the step before, if that is still to be done: before an update, and before
  /// anybody relies on the state (evaluation, the end of an epoch).
  Verdict settle();
  /// The state is another one now, with so many bad steps in a row before it.
  void forget(int64_t consecutive = 0) {
    pending_.reset();
    consecutive_ = consecutive;
  }
  /// Bad steps in a row so far.
  int64_t consecutive() const { return consecutive_; }

 private:
  /// Where a step stands on the clock.
  struct Record {
    Timestamp timestamp;
    int64_t samples = 0;
    int64_t tokens = 0;
  };
  /// A step whose flags are on their way to the host, its checks' in their order.
  struct Pending {
    Record record;
    Batch batch;
    std::vector<StepCheck> checks;
  };
  /// Which checks of a step failed.
  struct Failure {
    std::string reason;
    /// Of all of them.
    bool expected = true;

    void add(const StepCheck& check);
  };

  bool reads_later() const;
  void count(const Record& record);
  void send(const Batch& batch);
  /// `start` is not null when the guard watches.
  Verdict judge(const Failure& failure, const Record& record, const Batch& batch, StepStart* start,
                bool gradients_are_its_own);
  void report_skip(const std::string& reason, const Record& record,
                   const std::vector<std::string>& parameters);
  /// REQUIRES: the state is as before the step.
  [[noreturn]] void stop(const std::string& reason, const Record& record, const Batch& batch,
                         const std::vector<std::string>& parameters);
  absl::Status save(const std::string& folder, const std::string& reason, const Batch& batch,
                    const std::vector<std::string>& parameters) const;
  std::vector<std::string> bad_parameters() const;

  State& state_;
  std::optional<StepStart>& start_;
  const Options options_;
  const std::function<void(const Batch&)> repeat_;
  Record record_;
  // On the CPU, always 1.
  at::Tensor set_flag_;
  int64_t consecutive_ = 0;
  int64_t reported_ = 0;
  // The error that ends the run is on its way.
  bool stopping_ = false;

  // What is read later.
  std::optional<Pending> pending_;
  // The starts of the present step and of the pending one.
  std::unique_ptr<StepStart> own_start_;
  std::unique_ptr<StepStart> pending_start_;
  at::Tensor host_flags_;
  std::optional<c10::Event> arrived_;
};

}  // namespace composer
