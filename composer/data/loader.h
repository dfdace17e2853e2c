#pragma once

#include <c10/core/Device.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/data_loader.h"
#include "composer/data/batch_maker.h"
#include "composer/data/batch_plan.h"
#include "composer/data/broken_samples.h"
#include "composer/data/dataset.h"
#include "composer/data/image_loader.h"
#include "composer/data/samplers/sampler.h"
#include "composer/data/workers/ordered_prefetcher.h"

namespace composer {

struct MapDataLoaderOptions {
  /// Samples of a batch over all ranks.
  int64_t batch_size = 1;
  /// A new order each epoch, a function of seed and epoch alone.
  bool shuffle = false;
  /// Leaves out the last batch of an epoch when it is not full.
  bool drop_last = false;
  /// Fills it with samples from the epoch's start instead, so that every rank gets as many.
  bool pad_last = false;
  uint64_t seed = 0;
  /// Batches of an epoch, at most.
  std::optional<int64_t> subset_num_batches = std::nullopt;
  /// Which part of each batch this process gets, and how many parts there are.
  int64_t rank = 0;
  int64_t world_size = 1;
  /// Draws the order, in the place of `shuffle` and `seed`.
  std::shared_ptr<const Sampler> sampler = nullptr;
  /// Threads that prepare batches; 0 prepares each when it is asked for.
  int64_t workers = 0;
  /// Batches that are prepared ahead, over all workers; as many as there are workers at least.
  int64_t prefetch = 4;
  /// At the end of an epoch the workers go on with the next one: for training, where nothing but
  /// that comes then.
  bool prefetch_next_epoch = true;
  /// Leaves out samples that cannot be read, up to so many different ones over the run; one is an
  /// error when nothing is set.
  std::optional<int64_t> skip_broken_samples = std::nullopt;
  /// Puts batches into page-locked memory, from which this GPU copies by itself.
  std::optional<at::Device> pin_memory_for = std::nullopt;
};

/// Batches of samples that are chosen by their index: what batch_plan.h says of the order that a
/// Sampler draws. Neither the order nor the values depend on the number of workers. Its position is
/// (epoch, batch), which the clock knows: `seek` costs nothing, and what is prepared already and
/// comes again is not prepared twice. Threads start with the first batch and end with the loader,
/// at any moment, a worker that waits for a read included.
class MapDataLoader final : public DataLoader, public ImageLoader {
 public:
  /// InvalidArgument, with the field's name, when a batch cannot be filled ("batch_size" larger
  /// than the dataset) or a rank would be left without samples.
  static absl::StatusOr<std::unique_ptr<MapDataLoader>> create(
      std::shared_ptr<const BatchMaker> maker, const MapDataLoaderOptions& options);
  /// The samples as the dataset gives them.
  static absl::StatusOr<std::unique_ptr<MapDataLoader>> create(
      std::shared_ptr<const Dataset> dataset, const MapDataLoaderOptions& options);

  int64_t batch_size() const override { return options_.batch_size; }
  std::optional<int64_t> batches_per_epoch() const override { return plan_.num_batches(); }
  void seek(int64_t epoch, int64_t batch) override;
  /// What goes wrong, on a worker or not, comes here, at its batch, as a StatusError with the
  /// dataset's name, the epoch, the batch and the samples; the call after it gives the batch after
  /// it.
  std::optional<Batch> next() override;

  /// Broken samples that are skipped are among them.
  std::optional<std::vector<int64_t>> indices(int64_t epoch, int64_t batch) const override;

  int64_t skipped_samples() const override { return skipped_.count(); }
  std::optional<std::string> learnt() const override { return maker_->learnt(); }

  /// What is prepared ahead is prepared anew.
  absl::Status add_transform(std::shared_ptr<const ByteTransform> transform) override;

  void set_stop_waiting(std::function<bool()> stop) override { stop_waiting_ = std::move(stop); }

  /// The broken samples so far, and how many samples the dataset has: a state is refused when that
  /// has changed, since its position would mean other samples.
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  MapDataLoader(std::shared_ptr<const BatchMaker> maker, std::shared_ptr<const Sampler> sampler,
                const BatchPlan& plan, const MapDataLoaderOptions& options);

  MadeBatch make(int64_t epoch, int64_t batch, const std::atomic<bool>& stopping) const;
  MadeBatch take(int64_t epoch, int64_t batch);
  std::shared_ptr<const Order> order_of(int64_t epoch) const;
  void start_workers();
  std::string context(int64_t epoch, int64_t batch) const;

  std::shared_ptr<const BatchMaker> maker_;
  const std::shared_ptr<const Sampler> sampler_;
  const BatchPlan plan_;
  const MapDataLoaderOptions options_;
  int64_t epoch_ = 0;
  int64_t batch_ = 0;
  SkippedSamples skipped_;
  std::function<bool()> stop_waiting_;

  // An epoch and the next one: workers may be at both.
  mutable std::mutex orders_mutex_;
  mutable std::array<std::pair<int64_t, std::shared_ptr<const Order>>, 2> orders_;

  // Last: its threads use the rest.
  std::unique_ptr<OrderedPrefetcher<MadeBatch>> prefetcher_;
};

}  // namespace composer
