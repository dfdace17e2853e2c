#pragma once

#include <functional>
#include <string>
#include <vector>

#include "composer/core/event.h"
#include "composer/core/state_dict.h"
#include "composer/trainer/trainer.h"

namespace composer::testing {

/// A run as it is begun each time, by a process of its own: makes model, data and all else anew and
/// seeds what they draw from. Without checkpoints; callbacks and loggers are added to those it has.
using MakeRun = std::function<TrainerOptions()>;

/// Where a run is interrupted: when `event` fires after `batch` batches.
struct Stop {
  Event event;
  int64_t batch;
};

/// For runs of two epochs of four batches, with an evaluator each epoch: at the first batch, inside
/// an epoch, at both sides of an epoch's end, inside a step and an evaluation, at the end; once,
/// twice and three times.
std::vector<std::vector<Stop>> usual_stops();

/// Trainer::state_dict without the clocks of the wall and the loggers' files, which have them.
StateDict without_clocks(StateDict state);
StateDict trained(const Trainer& trainer);

/// The lines of a metrics file without times and rates.
std::vector<std::string> logged(const std::string& path);

/// Expects that the run ends with the same bits and the same metrics file as the unbroken one
///  - interrupted at each of `chains`, one stop after the other, and taken up again each time by a
///    fresh trainer that reads the checkpoint's folder;
///  - killed at any time, that is, taken up from each of the checkpoints that a run leaves that
///    saves one after every batch and every epoch.
/// The unbroken run saves nothing.
void expect_exact_resume(const MakeRun& run,
                         const std::vector<std::vector<Stop>>& chains = usual_stops());

}  // namespace composer::testing
