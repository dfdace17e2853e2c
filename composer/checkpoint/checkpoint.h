#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/base/time.h"
#include "composer/core/state_dict.h"

namespace composer {

/// What the bits of a run depend on beside its config. A resumed run has the bits of an unbroken
/// one where these are equal.
struct RunConditions {
  std::string composer_version;
  std::string libtorch_version;
  /// The processor's model, and the vector instructions that LibTorch uses on it.
  std::string processor;
  /// "cpu", "cuda"
  std::string device;
  int64_t threads = 0;
  int64_t world_size = 1;

  /// Those of this process.
  static RunConditions present(const std::string& device, int64_t world_size);

  /// A line for each that is another one now: "threads: 1 when it was saved, 2 now".
  std::vector<std::string> differences(const RunConditions& now) const;
};

/// All of a run between two batches. In the folder that it is saved as:
///
///   model.safetensors       `state`'s part "model" under PyTorch's names; tied tensors once
///   config.json             `huggingface_config`, so that Hugging Face's loaders take the folder
///   optimizer.safetensors   `state`'s part "optimizers": "0/exp_avg/fc1.weight"
///   state.safetensors       all else of `state` (see state_file.h): clock, generators, loader,
///                           algorithms, callbacks, metrics in flight; the conditions
///   config.textproto        the resolved config
///   manifest.json           sizes and SHA-256 of these (manifest.h)
///
/// What is empty or absent has no file.
struct Checkpoint {
  StateDict state;
  /// Of the run; empty for one that was made in code.
  std::string config_text;
  /// Empty where the model is none of Hugging Face's.
  std::string huggingface_config;
  RunConditions conditions;
  Timestamp time;
  /// By which the best checkpoints are kept.
  std::map<std::string, double> metrics;
};

/// Saves it as the folder NAME in `parent`, complete or not at all (CheckpointWriter), and moves
/// the link `latest` to it. Tensors may be on any device.
absl::Status write_checkpoint(const std::string& parent, const std::string& name,
                              const Checkpoint& checkpoint);

/// Verifies and reads a checkpoint's folder; tensors are on the CPU. NotFound when there is none;
/// DataLoss names the file that is damaged and what is wrong with it.
absl::StatusOr<Checkpoint> read_checkpoint(const std::string& folder);

}  // namespace composer
