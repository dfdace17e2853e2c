#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/data_loader.h"
#include "composer/data/broken_samples.h"
#include "composer/data/collate.h"
#include "composer/data/iterable_dataset.h"
#include "composer/data/streams/stream_batches.h"
#include "composer/data/streams/stream_prefetcher.h"

namespace composer {

struct StreamLoaderOptions {
  enum class Sharding {
    /// A rank takes its contiguous part of every batch: the order of the whole is the same for any
    /// number of ranks.
    kByRecord,
    /// Rank r reads files r, r + world_size, ..., and nothing else, and makes its part of every
    /// batch
    /// of them.
    kByFile,
  };
  /// Samples of a batch over all ranks.
  int64_t batch_size = 1;
  /// A new order of the files and within the buffers each epoch, a function of seed and epoch.
  bool shuffle = false;
  /// Records that are shuffled among each other. Two buffers are held in memory.
  int64_t shuffle_buffer = 10000;
  Sharding sharding = Sharding::kByRecord;
  /// Leaves out the last batch of an epoch when it is not full.
  bool drop_last = false;
  uint64_t seed = 0;
  /// Batches of an epoch, at most.
  std::optional<int64_t> subset_num_batches = std::nullopt;
  int64_t rank = 0;
  int64_t world_size = 1;
  /// Stacks the samples when null.
  std::shared_ptr<const Collate> collate = nullptr;
  /// Whether a thread reads ahead, so many batches.
  bool read_ahead = false;
  int64_t prefetch = 4;
  /// At the end of an epoch it goes on with the next one: for training.
  bool prefetch_next_epoch = true;
  /// Leaves out records that cannot be read, up to so many different ones over the run; one is an
  /// error when nothing is set.
  std::optional<int64_t> skip_broken_samples = std::nullopt;
  /// Puts batches into page-locked memory, from which this GPU copies by itself.
  std::optional<at::Device> pin_memory_for = std::nullopt;
};

/// Batches of a stream: see StreamBatches for the order and for what `seek` costs.
///
/// With the numbers of all records known, the number of batches is, and by file an epoch ends with
/// the rank that has the fewest batches. Without, an epoch ends where its files end: by record on
/// all ranks alike, where a last batch with fewer records than ranks is left out; by file on each
/// rank for itself, so that ranks that must agree need `subset_num_batches` or files of one length.
///
/// A broken record that is skipped shortens its batch and moves nothing; a file that cannot be
/// opened or is shorter than the dataset said is always an error.
class StreamLoader final : public DataLoader {
 public:
  /// InvalidArgument, with the field's name, when a batch cannot be filled or a rank would be left
  /// without files or records.
  static absl::StatusOr<std::unique_ptr<StreamLoader>> create(
      std::shared_ptr<const IterableDataset> dataset, const StreamLoaderOptions& options);

  int64_t batch_size() const override { return options_.batch_size; }
  std::optional<int64_t> batches_per_epoch() const override { return known_batches_; }
  void seek(int64_t epoch, int64_t batch) override;
  /// What goes wrong comes here, at its batch, as a StatusError with the dataset's name, the epoch,
  /// the batch and the record; the call after it gives the batch after it.
  std::optional<Batch> next() override;

  int64_t skipped_samples() const override { return skipped_.count(); }
  void set_stop_waiting(std::function<bool()> stop) override { stop_waiting_ = std::move(stop); }

  /// The broken records so far, and how many files and, where known, records the dataset has: a
  /// state is refused when that has changed, since its position would mean other records.
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  StreamLoader(std::shared_ptr<const IterableDataset> dataset, StreamPlan plan,
               std::optional<int64_t> known_batches, const StreamLoaderOptions& options);

  std::optional<MadeBatch> make(int64_t epoch, int64_t batch, const std::atomic<bool>& cancel);
  void start_thread();
  std::string context(int64_t epoch, int64_t batch) const;

  const std::shared_ptr<const IterableDataset> dataset_;
  const StreamLoaderOptions options_;
  const std::optional<int64_t> num_batches_;
  const std::optional<int64_t> known_batches_;
  // Of all files, where that is known.
  const std::optional<int64_t> records_;
  StreamBatches batches_;
  int64_t epoch_ = 0;
  int64_t batch_ = 0;
  SkippedSamples skipped_;
  std::function<bool()> stop_waiting_;

  // Last: its thread uses batches_.
  std::unique_ptr<StreamPrefetcher> prefetcher_;
};

}  // namespace composer
