#include "composer/data/loader.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <limits>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/dataset_batch_maker.h"
#include "composer/data/image_dataset.h"
#include "composer/data/pinned_batch.h"
#include "composer/data/samplers/permutation_sampler.h"
#include "composer/data/samplers/sequential_sampler.h"
#include "composer/data/transforms/image_batch_maker.h"
#include "composer/data/workers/single_thread.h"

namespace composer {
namespace {

std::shared_ptr<const Sampler> sampler_of(const MapDataLoaderOptions& options, int64_t size) {
  if (options.sampler != nullptr) return options.sampler;
  if (options.shuffle) return std::make_shared<PermutationSampler>(size, options.seed);
  return std::make_shared<SequentialSampler>(size);
}

absl::Status check_workers(const MapDataLoaderOptions& options) {
  // More threads than this are a mistake.
  constexpr int64_t kMostWorkers = 1024;
  if (options.workers < 0 || options.workers > kMostWorkers) {
    return field_error(
        "workers", absl::StrCat("workers is ", options.workers, "; expected 0 to ", kMostWorkers));
  }
  constexpr int64_t kMostAhead = 1 << 20;
  if (options.prefetch < 1 || options.prefetch > kMostAhead) {
    return field_error("prefetch", absl::StrCat("prefetch is ", options.prefetch,
                                                "; expected 1 to ", kMostAhead, " batches"));
  }
  if (options.skip_broken_samples.value_or(0) < 0) {
    return field_error("broken_samples.limit",
                       absl::StrCat("the limit of broken samples is ", *options.skip_broken_samples,
                                    "; it must not be negative"));
  }
  return absl::OkStatus();
}

std::string describe(absl::Span<const int64_t> indices) {
  constexpr size_t kShown = 8;
  std::string text = absl::StrJoin(indices.subspan(0, kShown), ", ");
  if (indices.size() > kShown) absl::StrAppend(&text, ", ... (", indices.size(), " in all)");
  return text;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MapDataLoader>> MapDataLoader::create(
    std::shared_ptr<const BatchMaker> maker, const MapDataLoaderOptions& options) {
  if (maker == nullptr) return absl::InvalidArgumentError("a MapDataLoader needs a dataset");
  COMPOSER_RETURN_IF_ERROR(check_workers(options));
  std::shared_ptr<const Sampler> sampler = sampler_of(options, maker->size());
  COMPOSER_ASSIGN_OR_RETURN(const BatchPlan plan,
                            BatchPlan::create(sampler->size(), maker->name(),
                                              {.batch_size = options.batch_size,
                                               .drop_last = options.drop_last,
                                               .pad_last = options.pad_last,
                                               .subset_num_batches = options.subset_num_batches,
                                               .rank = options.rank,
                                               .world_size = options.world_size}));
  return std::unique_ptr<MapDataLoader>(
      new MapDataLoader(std::move(maker), std::move(sampler), plan, options));
}

absl::StatusOr<std::unique_ptr<MapDataLoader>> MapDataLoader::create(
    std::shared_ptr<const Dataset> dataset, const MapDataLoaderOptions& options) {
  if (dataset == nullptr) return absl::InvalidArgumentError("a MapDataLoader needs a dataset");
  if (auto images = std::dynamic_pointer_cast<const ImageDataset>(dataset)) {
    COMPOSER_ASSIGN_OR_RETURN(
        const std::shared_ptr<const BatchMaker> maker,
        ImageBatchMaker::create(std::move(images), /*transforms=*/{}, ImageBatchOptions()));
    return create(maker, options);
  }
  return create(std::make_shared<DatasetBatchMaker>(std::move(dataset)), options);
}

MapDataLoader::MapDataLoader(std::shared_ptr<const BatchMaker> maker,
                             std::shared_ptr<const Sampler> sampler, const BatchPlan& plan,
                             const MapDataLoaderOptions& options)
    : maker_(std::move(maker)),
      sampler_(std::move(sampler)),
      plan_(plan),
      options_(options),
      skipped_(options.skip_broken_samples.value_or(0)) {}

void MapDataLoader::seek(int64_t epoch, int64_t batch) {
  TORCH_CHECK_VALUE(epoch >= 0 && batch >= 0, "cannot seek to batch ", batch, " of epoch ", epoch);
  epoch_ = epoch;
  batch_ = batch;
}

std::optional<Batch> MapDataLoader::next() {
  if (batch_ >= plan_.num_batches()) return std::nullopt;
  if (options_.workers > 0 && prefetcher_ == nullptr) start_workers();
  const int64_t batch = batch_;
  static constexpr std::atomic<bool> kNever = false;
  MadeBatch made = prefetcher_ ? take(epoch_, batch) : make(epoch_, batch, kNever);
  ++batch_;
  if (!made.broken.empty()) skipped_.add(made, context(epoch_, batch));
  throw_if_error(made.status);
  return std::move(made.batch);
}

std::optional<std::vector<int64_t>> MapDataLoader::indices(int64_t epoch, int64_t batch) const {
  if (batch < 0 || batch >= plan_.num_batches()) return std::nullopt;
  return plan_.samples(*order_of(epoch), batch);
}

absl::Status MapDataLoader::add_transform(std::shared_ptr<const ByteTransform> transform) {
  const auto* const images = dynamic_cast<const ImageBatchMaker*>(maker_.get());
  if (images == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(transform->name(), " is for images; dataset ", maker_->name(), " has none"));
  }
  if (images->has(*transform)) return absl::OkStatus();
  COMPOSER_ASSIGN_OR_RETURN(std::shared_ptr<const BatchMaker> maker,
                            images->with(std::move(transform)));
  prefetcher_.reset();
  maker_ = std::move(maker);
  return absl::OkStatus();
}

MadeBatch MapDataLoader::make(int64_t epoch, int64_t batch,
                              const std::atomic<bool>& stopping) const {
  MadeBatch made;
  std::vector<int64_t> indices;
  made.status = catch_exceptions([&] {
    indices = plan_.samples(*order_of(epoch), batch);
    made = make_batch(*maker_, indices, epoch, options_.skip_broken_samples.has_value(), stopping);
    if (options_.pin_memory_for && made.status.ok()) {
      made.batch = pinned_batch(made.batch, *options_.pin_memory_for);
    }
    return made.status;
  });
  if (!made.status.ok()) {
    made.status =
        annotate(absl::StrCat(context(epoch, batch), ", samples ", describe(indices)), made.status);
  }
  return made;
}

std::shared_ptr<const Order> MapDataLoader::order_of(int64_t epoch) const {
  const std::lock_guard<std::mutex> lock(orders_mutex_);
  auto& [cached, order] = orders_[epoch % 2];
  if (order == nullptr || cached != epoch) {
    order = sampler_->order(epoch);
    cached = epoch;
  }
  return order;
}

// Positions are counted over all epochs.
void MapDataLoader::start_workers() {
  const int64_t length = plan_.num_batches();
  try {
    prefetcher_ = std::make_unique<OrderedPrefetcher<MadeBatch>>(
        OrderedPrefetcher<MadeBatch>::Options{
            .threads = static_cast<int>(options_.workers),
            .ahead = std::max(options_.prefetch, options_.workers)},
        [this, length](int64_t position, const std::atomic<bool>& stopping) {
          return make(position / length, position % length, stopping);
        },
        use_this_thread_alone);
  } catch (const std::system_error& error) {
    throw StatusError(
        absl::ResourceExhaustedError(absl::StrCat("dataset ", maker_->name(), ": cannot start ",
                                                  options_.workers, " workers: ", error.what())));
  }
}

MadeBatch MapDataLoader::take(int64_t epoch, int64_t batch) {
  const int64_t start = epoch * plan_.num_batches();
  const int64_t end = options_.prefetch_next_epoch ? std::numeric_limits<int64_t>::max()
                                                   : start + plan_.num_batches();
  return prefetcher_->take(start + batch, end, stop_waiting_);
}

std::string MapDataLoader::context(int64_t epoch, int64_t batch) const {
  return absl::StrCat("dataset ", maker_->name(), ", epoch ", epoch, ", batch ", batch);
}

StateDict MapDataLoader::state_dict() const {
  StateDict state;
  state.set("samples", maker_->size());
  skipped_.save(state);
  return state;
}

absl::Status MapDataLoader::load_state_dict(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(const int64_t samples, state.integer("samples"));
  if (samples != maker_->size()) {
    return data_has_changed(maker_->name(), absl::StrCat(maker_->size(), " samples"),
                            absl::StrCat(samples));
  }
  return skipped_.load(state);
}

}  // namespace composer
