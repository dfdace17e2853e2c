#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "composer/core/scheduler.h"

namespace composer {

/// Schedules one after the other, as torch.optim.lr_scheduler.SequentialLR: each sees the time
/// since its own start. Beyond PyTorch, "1dur" is the length of the part, so that a cosine anneals
/// over the rest of the run without being told how long that is.
class SequenceSchedule final : public Scheduler {
 public:
  struct Part {
    std::unique_ptr<Scheduler> scheduler;
    /// When the next part begins, counted from the start of the run. Unset for the last part, which
    /// lasts until the end.
    std::optional<Time> until = {};
    /// The path of the scheduler's config in the part's, for errors.
    std::string field = "scheduler";
  };

  /// REQUIRES: at least one part; all but the last have an `until`.
  explicit SequenceSchedule(std::vector<Part> parts) : parts_(std::move(parts)) {}

  double multiplier(const ScheduleClock& clock) const override;
  double group_multiplier(const ParameterGroup& group, const ScheduleClock& clock) const override;
  /// Refuses parts that do not come one after the other within the run, and what they refuse.
  absl::Status validate(const ScheduleClock& clock) const override;
  absl::Status check_groups(absl::Span<const std::string> patterns) const override;

 private:
  // The part that `clock` is in, and its own clock.
  std::pair<const Scheduler*, ScheduleClock> present(const ScheduleClock& clock) const;

  const std::vector<Part> parts_;
};

}  // namespace composer
