#include "composer/trainer/step_guard.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/item.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/snapshot.h"
#include "composer/optim/gradient_check.h"
#include "composer/trainer/saved_step.h"

namespace composer {
namespace {

// Skipped steps that are reported one by one.
constexpr int64_t kReports = 5;

// On any device; waits for it.
bool read(const at::Tensor& flag) { return flag.is_cpu() ? is_set(flag) : flag.item<float>() != 0; }

std::string place_of(const Timestamp& timestamp) {
  return absl::StrCat("batch ", timestamp.batch, " (epoch ", timestamp.epoch, ")");
}

// What is put behind "a gradient is not finite".
std::string describe(const std::vector<std::string>& parameters) {
  if (parameters.empty()) return "";
  if (parameters.size() == 1) return absl::StrCat("; the bad gradient is of ", parameters.front());
  return absl::StrCat("; the first bad gradient is of ", parameters.front(), ", ",
                      parameters.size() - 1, " more have one");
}

}  // namespace

StepGuard::StepGuard(State& state, std::optional<StepStart>& start, Options options,
                     std::function<void(const Batch&)> repeat)
    : state_(state), start_(start), options_(std::move(options)), repeat_(std::move(repeat)) {}

StepGuard::~StepGuard() = default;

void StepGuard::run(const Batch& batch, int64_t samples, int64_t tokens,
                    absl::FunctionRef<void()> step) {
  record_ = {state_.timestamp, samples, tokens};
  stopping_ = false;
  if (watches() && reads_later()) {
    if (own_start_ == nullptr) {
      own_start_ = std::make_unique<StepStart>(*state_.model, state_.device);
      pending_start_ = std::make_unique<StepStart>(*state_.model, state_.device);
    }
    own_start_->save();
  }
  try {
    step();
  } catch (const StatusError& error) {
    // A callback has seen it first.
    if (stopping_ || !watches() || !is_diverged(error.status())) throw;
    const std::vector<std::string> parameters = bad_parameters();
    start_->restore();
    stop(std::string(error.status().message()), record_, batch, parameters);
  }
  if (reads_later() && !state_.loss.empty()) return send(batch);
  Failure failure;
  for (const StepCheck& check : state_.step_checks) {
    if (read(check.failed)) failure.add(check);
  }
  judge(failure, record_, batch, start_ ? &*start_ : nullptr, /*gradients_are_its_own=*/true);
}

bool StepGuard::reads_later() const {
  if (state_.device.is_cpu() && !options_.treat_cpu_as_device) return false;
  return state_.optimizers.empty() || !state_.optimizers.front()->evaluates_loss_repeatedly();
}

void StepGuard::check_loss(const at::Tensor& loss, bool logged) {
  if (!watches() || !(logged || loss.is_cpu())) return;
  const c10::NoGradGuard no_grad;
  at::Tensor flag;
  if (loss.is_cpu()) {
    if (!has_non_finite(loss)) return;
    if (!set_flag_.defined()) set_flag_ = at::ones({}, at::TensorOptions(at::kFloat));
    flag = set_flag_;
  } else {
    flag = at::isfinite(loss).logical_not().to(at::kFloat);
  }
  state_.step_checks.push_back({.reason = "the loss is not finite", .failed = std::move(flag)});
}

at::Tensor StepGuard::failed() const {
  if (watches()) return any_failed(state_.step_checks);
  std::vector<StepCheck> expected;
  for (const StepCheck& check : state_.step_checks) {
    if (check.expected) expected.push_back(check);
  }
  return any_failed(expected);
}

void StepGuard::Failure::add(const StepCheck& check) {
  expected = expected && check.expected;
  if (!absl::StrContains(reason, check.reason)) {
    absl::StrAppend(&reason, reason.empty() ? "" : ", ", check.reason);
  }
}

void StepGuard::send(const Batch& batch) {
  if (state_.step_checks.empty()) return;
  const c10::NoGradGuard no_grad;
  const bool device = !state_.device.is_cpu();
  const auto count = static_cast<int64_t>(state_.step_checks.size());
  if (!host_flags_.defined() || host_flags_.numel() != count) {
    host_flags_ = at::empty({count}, at::TensorOptions(at::kFloat).pinned_memory(device));
  }
  std::vector<at::Tensor> flags;
  for (const StepCheck& check : state_.step_checks) flags.push_back(check.failed);
  host_flags_.copy_(at::stack(flags), /*non_blocking=*/true);
  if (device) {
    if (!arrived_) arrived_.emplace(state_.device.type());
    const c10::impl::VirtualGuardImpl accelerator(state_.device.type());
    arrived_->record(accelerator.getStream(state_.device));
  }
  pending_ = Pending{record_, batch, state_.step_checks};
  std::swap(own_start_, pending_start_);
}

StepGuard::Verdict StepGuard::settle() {
  if (!pending_) return Verdict::kCounts;
  const Pending pending = *std::exchange(pending_, std::nullopt);
  if (arrived_) arrived_->synchronize();
  Failure failure;
  const float* const flags = host_flags_.const_data_ptr<float>();
  for (size_t i = 0; i < pending.checks.size(); ++i) {
    if (flags[i] != 0) failure.add(pending.checks[i]);
  }
  const Verdict verdict = judge(failure, pending.record, pending.batch, pending_start_.get(),
                                /*gradients_are_its_own=*/false);
  if (verdict == Verdict::kSkipped) {
    start_->save();
    own_start_->save();
  }
  return verdict;
}

StepGuard::Verdict StepGuard::judge(const Failure& failure, const Record& record,
                                    const Batch& batch, StepStart* start,
                                    bool gradients_are_its_own) {
  if (failure.reason.empty()) {
    consecutive_ = 0;
    return Verdict::kCounts;
  }
  if (failure.expected) {
    count(record);
    return Verdict::kLeftOut;
  }
  if (!watches()) return Verdict::kCounts;
  std::vector<std::string> parameters;
  if (gradients_are_its_own) parameters = bad_parameters();
  start->restore();
  ++consecutive_;
  if (options_.policy == OnBadStep::kSkip && consecutive_ <= options_.max_consecutive_skips) {
    count(record);
    report_skip(failure.reason, record, parameters);
    return Verdict::kSkipped;
  }
  std::string reason = failure.reason;
  if (options_.policy == OnBadStep::kRollback) {
    LOG(WARNING) << place_of(record.timestamp) << " is bad: " << reason << describe(parameters);
    const absl::Status status = options_.roll_back(record.timestamp, record.samples, record.tokens);
    if (status.ok()) return Verdict::kSkipped;
    absl::StrAppend(&reason, ", and ", status.message());
  } else if (consecutive_ > 1) {
    absl::StrAppend(&reason, ", the ", consecutive_ - 1, " steps before it were skipped");
  }
  state_.timestamp = record.timestamp;
  if (!gradients_are_its_own) {
    // Only to name them: whatever comes of it, the run ends.
    state_.batch = batch;
    state_.evaluation = 0;
    const absl::Status repeated = catch_exceptions([&] { repeat_(batch); });
    if (!repeated.ok()) LOG(WARNING) << "the bad step cannot be repeated: " << repeated.message();
    parameters = bad_parameters();
    start->restore();
  }
  stop(reason, record, batch, parameters);
}

void StepGuard::count(const Record& record) {
  state_.skipped.batches += 1;
  state_.skipped.samples += record.samples;
  state_.skipped.tokens += record.tokens;
}

void StepGuard::report_skip(const std::string& reason, const Record& record,
                            const std::vector<std::string>& parameters) {
  if (++reported_ > kReports) return;
  LOG(WARNING) << place_of(record.timestamp) << " is skipped: " << reason << describe(parameters)
               << (reported_ < kReports ? ""
                                        : "; further ones are only counted, in "
                                          "trainer/skipped_steps");
}

void StepGuard::stop(const std::string& reason, const Record& record, const Batch& batch,
                     const std::vector<std::string>& parameters) {
  stopping_ = true;
  std::string message = absl::StrCat(place_of(record.timestamp), " is bad: ", reason,
                                     describe(parameters), "; nothing was updated by it. ");
  if (!options_.dir.empty()) {
    const std::string folder = absl::StrCat(options_.dir, "/ba", record.timestamp.batch);
    const absl::Status saved = save(folder, reason, batch, parameters);
    if (saved.ok()) {
      absl::StrAppend(&message, "The step is saved: `composer replay ", folder,
                      "` takes it again and names the operation that a NaN comes from. ");
    } else {
      absl::StrAppend(&message, "The step could not be saved for a replay: ", saved.message(),
                      ". ");
    }
  }
  absl::StrAppend(&message, "A smaller learning rate, a warmup or gradient_clipping may help");
  for (const auto& optimizer : state_.optimizers) optimizer->zero_grad();
  throw StatusError(diverged_error(message));
}

absl::Status StepGuard::save(const std::string& folder, const std::string& reason,
                             const Batch& batch, const std::vector<std::string>& parameters) const {
  return catch_exceptions([&] {
    const Timestamp& now = state_.timestamp;
    SavedStep step{.reason = reason,
                   .epoch = now.epoch,
                   .batch = now.batch,
                   .batch_in_epoch = now.batch_in_epoch,
                   .loss = values_of(state_.loss),
                   .parameters = parameters,
                   .threads = at::get_num_threads(),
                   .dataloader_length = state_.dataloader_length,
                   .config_text = options_.config_text,
                   .data = batch,
                   .state = snapshot(state_)};
    if (state_.train_dataloader != nullptr) {
      step.indices = state_.train_dataloader->indices(now.epoch, now.batch_in_epoch);
    }
    for (const auto& optimizer : state_.optimizers) {
      for (const ParameterGroup& group : optimizer->groups()) {
        step.learning_rates.push_back(group.lr);
      }
    }
    return write_saved_step(folder, step);
  });
}

std::vector<std::string> StepGuard::bad_parameters() const {
  std::vector<std::string> names;
  for (const auto& parameter : state_.model->named_parameters()) {
    const at::Tensor& gradient = parameter.value().grad();
    if (!gradient.defined() || gradient.layout() != at::kStrided) continue;
    if (has_non_finite(gradient.cpu())) names.push_back(parameter.key());
  }
  return names;
}

}  // namespace composer
