#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/checkpoint/retention.h"

namespace composer {

struct CheckpointSaverOptions {
  /// Checkpoints are folders in it; made when it is missing.
  std::string folder;
  /// {run_name} of the names.
  std::string run_name = {};
  /// A NameTemplate.
  std::string name = "ep{epoch}-ba{batch}";
  /// What stays after a save.
  RetentionPolicy retention = {};
  /// `save` returns when it has copied the state, and a thread writes it.
  bool background = true;
};

/// Saves checkpoints one after another, in the background if asked to. The copy of the state is
/// made into memory that is kept from save to save, so that a save costs the training thread no
/// more than that copy, and the process one copy of the state. The thread gives way to training
/// where both want a processor.
///
/// One thread at a time calls it.
class CheckpointSaver {
 public:
  /// InvalidArgument for a template that is none.
  static absl::StatusOr<std::unique_ptr<CheckpointSaver>> create(CheckpointSaverOptions options);
  /// Waits for the save in flight.
  ~CheckpointSaver();

  CheckpointSaver(const CheckpointSaver&) = delete;
  CheckpointSaver& operator=(const CheckpointSaver&) = delete;

  /// Saves `live`, whose tensors are the run's own: they are copied before this returns. The name
  /// is the template's for `live.time`. Waits for the save before, and returns its error if it
  /// failed; this one is made nevertheless.
  absl::Status save(const Checkpoint& live);

  /// Waits for the save in flight, and returns its error.
  absl::Status wait();

  /// The folder of the newest save that is complete; empty before the first.
  std::string newest() const;

 private:
  struct Impl;
  explicit CheckpointSaver(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace composer
