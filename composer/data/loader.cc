#include "composer/data/loader.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"

namespace composer {
namespace {

// Samples of the epoch's last batch.
int64_t last_batch_size(int64_t size, const MapDataLoaderOptions& options) {
  const int64_t rest = size % options.batch_size;
  return rest == 0 || options.drop_last ? options.batch_size : rest;
}

int64_t count_batches(int64_t size, const MapDataLoaderOptions& options) {
  const int64_t full = size / options.batch_size;
  const int64_t all = full + (!options.drop_last && size % options.batch_size != 0 ? 1 : 0);
  return std::min(all, options.subset_num_batches.value_or(all));
}

absl::Status check(const Dataset& dataset, const MapDataLoaderOptions& options) {
  const int64_t size = dataset.size();
  if (options.batch_size < 1) {
    return field_error("batch_size", absl::StrCat("batch_size is ", options.batch_size,
                                                  "; a batch needs at least one sample"));
  }
  if (options.batch_size > size) {
    return field_error("batch_size", absl::StrCat("batch_size ", options.batch_size,
                                                  " is larger than the dataset: ", dataset.name(),
                                                  " has ", size, " samples"));
  }
  if (options.subset_num_batches.value_or(1) < 1) {
    return field_error("subset_num_batches",
                       absl::StrCat("subset_num_batches is ", *options.subset_num_batches,
                                    "; leave it out for all batches"));
  }
  if (options.world_size < 1 || options.rank < 0 || options.rank >= options.world_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no rank ", options.rank, " among ", options.world_size, " ranks"));
  }
  if (options.batch_size < options.world_size) {
    return field_error("batch_size",
                       absl::StrCat("batch_size ", options.batch_size, " leaves some of ",
                                    options.world_size, " ranks without samples"));
  }
  const int64_t last = last_batch_size(size, options);
  const bool reached = count_batches(size, options) > size / options.batch_size;
  if (reached && last < options.world_size) {
    return field_error(
        "batch_size",
        absl::StrCat("the last batch of an epoch has ", last, " samples (", dataset.name(), " has ",
                     size, ", batch_size is ", options.batch_size, "), too few for ",
                     options.world_size, " ranks; set drop_last"));
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
    std::shared_ptr<const Dataset> dataset, const MapDataLoaderOptions& options) {
  if (dataset == nullptr) return absl::InvalidArgumentError("a MapDataLoader needs a dataset");
  COMPOSER_RETURN_IF_ERROR(check(*dataset, options));
  return std::unique_ptr<MapDataLoader>(new MapDataLoader(std::move(dataset), options));
}

MapDataLoader::MapDataLoader(std::shared_ptr<const Dataset> dataset,
                             const MapDataLoaderOptions& options)
    : dataset_(std::move(dataset)),
      options_(options),
      size_(dataset_->size()),
      num_batches_(count_batches(size_, options)),
      order_(size_, options.seed, 0) {}

void MapDataLoader::seek(int64_t epoch, int64_t batch) {
  TORCH_CHECK_VALUE(epoch >= 0 && batch >= 0, "cannot seek to batch ", batch, " of epoch ", epoch);
  if (epoch != epoch_) order_ = Permutation(size_, options_.seed, epoch);
  epoch_ = epoch;
  batch_ = batch;
}

std::optional<Batch> MapDataLoader::next() {
  if (batch_ >= num_batches_) return std::nullopt;
  const int64_t batch = batch_++;
  const int64_t start = batch * options_.batch_size;
  const int64_t samples = std::min(options_.batch_size, size_ - start);
  const int64_t first = start + samples * options_.rank / options_.world_size;
  const int64_t end = start + samples * (options_.rank + 1) / options_.world_size;
  indices_.resize(static_cast<size_t>(end - first));
  for (int64_t position = first; position < end; ++position) {
    indices_[position - first] = options_.shuffle ? order_(position) : position;
  }
  try {
    return dataset_->get_batch(indices_);
  } catch (...) {
    throw StatusError(annotate(absl::StrCat("dataset ", dataset_->name(), ", epoch ", epoch_,
                                            ", batch ", batch, ", samples ", describe(indices_)),
                               status_of_current_exception()));
  }
}

}  // namespace composer
