#include "composer/data/streams/stream_loader.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/random.h"
#include "composer/base/status.h"
#include "composer/data/batch_plan.h"
#include "composer/data/pinned_batch.h"

namespace composer {
namespace {

using Sharding = StreamLoaderOptions::Sharding;

std::vector<int64_t> all_files(const IterableDataset& dataset) {
  std::vector<int64_t> files(dataset.num_files());
  std::iota(files.begin(), files.end(), 0);
  return files;
}

// Of these files; nothing when that of one is not known.
std::optional<int64_t> count_records(const IterableDataset& dataset,
                                     const std::vector<int64_t>& files) {
  int64_t sum = 0;
  for (const int64_t file : files) {
    const std::optional<int64_t> records = dataset.num_records(file);
    if (!records) return std::nullopt;
    sum += *records;
  }
  return sum;
}

absl::Status check(const IterableDataset& dataset, const StreamLoaderOptions& options) {
  if (options.shuffle_buffer < 1) {
    return field_error("stream.shuffle_buffer",
                       absl::StrCat("shuffle_buffer is ", options.shuffle_buffer,
                                    "; a buffer has at least one record"));
  }
  if (options.prefetch < 1) {
    return field_error("prefetch", absl::StrCat("prefetch is ", options.prefetch,
                                                "; at least one batch is prepared ahead"));
  }
  if (options.skip_broken_samples.value_or(0) < 0) {
    return field_error("broken_samples.limit",
                       absl::StrCat("the limit of broken samples is ", *options.skip_broken_samples,
                                    "; it must not be negative"));
  }
  if (dataset.num_files() < 1) {
    return field_error("dataset", absl::StrCat(dataset.name(), " has no files"));
  }
  return absl::OkStatus();
}

// The files of one rank and its part of each batch.
StreamPlan by_file(const IterableDataset& dataset, const StreamLoaderOptions& options,
                   int64_t rank) {
  StreamPlan plan;
  for (int64_t file = rank; file < dataset.num_files(); file += options.world_size) {
    plan.files.push_back(file);
  }
  plan.records = count_records(dataset, plan.files);
  plan.batch_size = options.batch_size * (rank + 1) / options.world_size -
                    options.batch_size * rank / options.world_size;
  return plan;
}

// Those of the rank that has the fewest.
absl::StatusOr<std::optional<int64_t>> count_by_file(const IterableDataset& dataset,
                                                     const StreamLoaderOptions& options) {
  int64_t fewest = std::numeric_limits<int64_t>::max();
  for (int64_t rank = 0; rank < options.world_size; ++rank) {
    const StreamPlan plan = by_file(dataset, options, rank);
    if (!plan.records) return std::nullopt;
    const int64_t filled = plan.batch_size - 1;
    const int64_t batches = (*plan.records + (options.drop_last ? 0 : filled)) / plan.batch_size;
    if (batches == 0) {
      return field_error("batch_size",
                         absl::StrCat("the files of rank ", rank, " have ", *plan.records,
                                      " records, too few for one batch: ", dataset.name(), " has ",
                                      dataset.num_files(), " files, batch_size is ",
                                      options.batch_size, " over ", options.world_size, " ranks"));
    }
    fewest = std::min(fewest, batches);
  }
  return std::min(fewest, options.subset_num_batches.value_or(fewest));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StreamLoader>> StreamLoader::create(
    std::shared_ptr<const IterableDataset> dataset, const StreamLoaderOptions& options) {
  if (dataset == nullptr) return absl::InvalidArgumentError("a StreamLoader needs a dataset");
  COMPOSER_RETURN_IF_ERROR(check(*dataset, options));
  const BatchPlan::Options batch_options = {.batch_size = options.batch_size,
                                            .drop_last = options.drop_last,
                                            .subset_num_batches = options.subset_num_batches,
                                            .rank = options.rank,
                                            .world_size = options.world_size};
  // Of one full batch: what is wrong whatever the number of records.
  COMPOSER_RETURN_IF_ERROR(
      BatchPlan::create(options.batch_size, dataset->name(), batch_options).status());

  StreamPlan plan;
  std::optional<int64_t> known_batches;
  if (options.sharding == Sharding::kByFile) {
    if (dataset->num_files() < options.world_size) {
      return field_error(
          "stream.sharding",
          absl::StrCat("by file each rank needs a file of its own: ", dataset->name(), " has ",
                       dataset->num_files(), ", there are ", options.world_size, " ranks"));
    }
    plan = by_file(*dataset, options, options.rank);
    COMPOSER_ASSIGN_OR_RETURN(known_batches, count_by_file(*dataset, options));
  } else {
    plan.files = all_files(*dataset);
    plan.records = count_records(*dataset, plan.files);
    plan.batch_size = options.batch_size;
    plan.rank = options.rank;
    plan.world_size = options.world_size;
    if (plan.records) {
      COMPOSER_ASSIGN_OR_RETURN(const BatchPlan batches,
                                BatchPlan::create(*plan.records, dataset->name(), batch_options));
      known_batches = batches.num_batches();
    }
  }
  plan.num_batches = known_batches ? known_batches : options.subset_num_batches;
  plan.drop_last = options.drop_last;
  plan.shuffle = options.shuffle;
  plan.shuffle_buffer = options.shuffle_buffer;
  const int64_t shard = options.sharding == Sharding::kByFile ? options.rank : 0;
  plan.key = mix_seed({options.seed, hash_name("stream"), static_cast<uint64_t>(shard)});
  plan.skip_broken = options.skip_broken_samples.has_value();
  return std::unique_ptr<StreamLoader>(
      new StreamLoader(std::move(dataset), std::move(plan), known_batches, options));
}

StreamLoader::StreamLoader(std::shared_ptr<const IterableDataset> dataset, StreamPlan plan,
                           std::optional<int64_t> known_batches, const StreamLoaderOptions& options)
    : dataset_(std::move(dataset)),
      options_(options),
      num_batches_(plan.num_batches),
      known_batches_(known_batches),
      records_(count_records(*dataset_, all_files(*dataset_))),
      batches_(dataset_, options.collate, std::move(plan)),
      skipped_(options.skip_broken_samples.value_or(0)) {}

void StreamLoader::seek(int64_t epoch, int64_t batch) {
  TORCH_CHECK_VALUE(epoch >= 0 && batch >= 0, "cannot seek to batch ", batch, " of epoch ", epoch);
  epoch_ = epoch;
  batch_ = batch;
}

std::optional<Batch> StreamLoader::next() {
  if (num_batches_ && batch_ >= *num_batches_) return std::nullopt;
  if (options_.read_ahead && prefetcher_ == nullptr) start_thread();
  const int64_t batch = batch_;
  static constexpr std::atomic<bool> kNever = false;
  std::optional<MadeBatch> made =
      prefetcher_ ? prefetcher_->take(epoch_, batch, stop_waiting_) : make(epoch_, batch, kNever);
  if (!made) return std::nullopt;  // it stays the end
  ++batch_;
  if (!made->broken.empty()) skipped_.add(*made, context(epoch_, batch));
  throw_if_error(made->status);
  return std::move(made->batch);
}

std::optional<MadeBatch> StreamLoader::make(int64_t epoch, int64_t batch,
                                            const std::atomic<bool>& cancel) {
  std::optional<MadeBatch> made;
  const absl::Status status = catch_exceptions([&] {
    made = batches_.make(epoch, batch, cancel);
    if (options_.pin_memory_for && made && made->status.ok()) {
      made->batch = pinned_batch(made->batch, *options_.pin_memory_for);
    }
  });
  if (!status.ok()) made = MadeBatch{.status = status};
  if (made && !made->status.ok()) made->status = annotate(context(epoch, batch), made->status);
  return made;
}

void StreamLoader::start_thread() {
  try {
    prefetcher_ = std::make_unique<StreamPrefetcher>(
        StreamPrefetcher::Options{.ahead = options_.prefetch,
                                  .num_batches = num_batches_,
                                  .next_epoch = options_.prefetch_next_epoch},
        [this](int64_t epoch, int64_t batch, const std::atomic<bool>& cancel) {
          return make(epoch, batch, cancel);
        });
  } catch (const std::system_error& error) {
    throw StatusError(absl::ResourceExhaustedError(
        absl::StrCat("dataset ", dataset_->name(), ": cannot start a thread: ", error.what())));
  }
}

std::string StreamLoader::context(int64_t epoch, int64_t batch) const {
  return absl::StrCat("dataset ", dataset_->name(), ", epoch ", epoch, ", batch ", batch);
}

StateDict StreamLoader::state_dict() const {
  StateDict state;
  state.set("files", dataset_->num_files());
  if (records_) state.set("records", *records_);
  skipped_.save(state);
  return state;
}

absl::Status StreamLoader::load_state_dict(const StateDict& state) {
  const StateDict present = state_dict();
  for (const char* what : {"files", "records"}) {
    const auto now = present.integers().find(what), then = state.integers().find(what);
    const bool known_now = now != present.integers().end();
    const bool known_then = then != state.integers().end();
    if (known_now == known_then && (!known_now || now->second == then->second)) continue;
    return data_has_changed(
        dataset_->name(),
        absl::StrCat(known_now ? absl::StrCat(now->second) : "an unknown number of", " ", what),
        known_then ? absl::StrCat(then->second) : "an unknown number");
  }
  return skipped_.load(state);
}

}  // namespace composer
