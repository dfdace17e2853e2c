#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "composer/core/state_dict.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// Gives the batches of an epoch in order. What comes at a position is a function of the loader's
/// settings, the epoch and the batch alone, so that a position is two integers.
class DataLoader : public Stateful {
 public:
  /// Samples of a full batch over all ranks.
  virtual int64_t batch_size() const = 0;
  /// Unknown for a stream.
  virtual std::optional<int64_t> batches_per_epoch() const = 0;

  /// The next `next` gives batch number `batch` of `epoch`.
  virtual void seek(int64_t epoch, int64_t batch) = 0;
  /// Nothing at the end of the epoch. Throws when a sample cannot be read.
  virtual std::optional<Batch> next() = 0;

  /// Which samples of its dataset batch number `batch` of `epoch` is made of, as this rank gets it;
  /// nothing where samples have no numbers, as in a stream.
  virtual std::optional<std::vector<int64_t>> indices(int64_t epoch, int64_t batch) const {
    return std::nullopt;
  }

  /// What `next` asks ten times a second while it waits for a worker; when that is true it gives up
  /// with a CancelledError, and the batch comes in the next call. Null, as at first, for never.
  virtual void set_stop_waiting(std::function<bool()> stop) {}

  /// Samples that could not be read and were left out, since the run began; one that comes again
  /// counts once.
  virtual int64_t skipped_samples() const { return 0; }
  /// What was learnt from the data and is needed to read other splits alike, as a text: for the
  /// run's folder.
  virtual std::optional<std::string> learnt() const { return std::nullopt; }
};

}  // namespace composer
