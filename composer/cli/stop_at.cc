#include "composer/cli/stop_at.h"

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/state.h"

namespace composer {
namespace {

bool is_reached(const Time& time, const State& state) {
  if (time.unit() == TimeUnit::kDuration) return state.elapsed_duration() >= time.value();
  return reached(state.timestamp, time);
}

}  // namespace

absl::StatusOr<Time> parse_stop_at(const std::string& text) {
  absl::StatusOr<Time> time = Time::parse(text);
  if (!time.ok()) return annotate("--stop-at", time.status());
  if (time->unit() == TimeUnit::kIteration) {
    return absl::InvalidArgumentError(
        absl::StrCat("--stop-at=", text, ": use ep, ba, sp, tok, dur or sec"));
  }
  return time;
}

absl::Status check_stop_at(const Time& time, const State& state) {
  if (!is_reached(time, state)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("--stop-at=", time.to_string(), ": the run is there already: it has trained ",
                   state.timestamp.epoch, "ep, ", state.timestamp.batch, "ba"));
}

BoundaryHook stop_at(Time time) {
  return [time](State& state) {
    if (is_reached(time, state)) state.interrupt(absl::StrCat("--stop-at=", time.to_string()));
  };
}

}  // namespace composer
