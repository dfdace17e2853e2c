#include "composer/data/batch_plan.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "composer/base/status.h"

namespace composer {
namespace {

absl::Status check_options(const BatchPlan::Options& options) {
  if (options.batch_size < 1) {
    return field_error("batch_size", absl::StrCat("batch_size is ", options.batch_size,
                                                  "; a batch needs at least one sample"));
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
  if (options.pad_last && options.drop_last) {
    return field_error("pad_last",
                       "pad_last fills the last batch, drop_last leaves it out; set one of them");
  }
  if (options.pad_last && options.batch_size % options.world_size != 0) {
    return field_error("batch_size", absl::StrCat("batch_size ", options.batch_size,
                                                  " cannot be divided among ", options.world_size,
                                                  " ranks, so pad_last cannot give each "
                                                  "as many samples"));
  }
  return absl::OkStatus();
}

int64_t count_batches(int64_t size, const BatchPlan::Options& options) {
  const bool ragged = size % options.batch_size != 0;
  const int64_t all = size / options.batch_size + (ragged && !options.drop_last ? 1 : 0);
  return std::min(all, options.subset_num_batches.value_or(all));
}

}  // namespace

absl::StatusOr<BatchPlan> BatchPlan::create(int64_t size, absl::string_view dataset,
                                            const Options& options) {
  COMPOSER_RETURN_IF_ERROR(check_options(options));
  if (options.batch_size > size) {
    return field_error("batch_size", absl::StrCat("batch_size ", options.batch_size,
                                                  " is larger than the dataset: ", dataset, " has ",
                                                  size, " samples"));
  }
  const int64_t rest = size % options.batch_size;
  const bool reached = count_batches(size, options) > size / options.batch_size;
  if (reached && !options.pad_last && rest < options.world_size) {
    return field_error(
        "batch_size",
        absl::StrCat("the last batch of an epoch has ", rest, " samples (", dataset, " has ", size,
                     ", batch_size is ", options.batch_size, "), too few for ", options.world_size,
                     " ranks; set drop_last or pad_last"));
  }
  return BatchPlan(size, options);
}

BatchPlan::BatchPlan(int64_t size, const Options& options)
    : options_(options), size_(size), num_batches_(count_batches(size, options)) {}

std::vector<int64_t> BatchPlan::samples(const Order& order, int64_t batch) const {
  const int64_t start = batch * options_.batch_size;
  const int64_t count =
      options_.pad_last ? options_.batch_size : std::min(options_.batch_size, size_ - start);
  const int64_t first = start + count * options_.rank / options_.world_size;
  const int64_t end = start + count * (options_.rank + 1) / options_.world_size;
  std::vector<int64_t> samples(static_cast<size_t>(end - first));
  const absl::Span<int64_t> all = absl::MakeSpan(samples);
  const auto inside = static_cast<size_t>(std::clamp<int64_t>(size_ - first, 0, end - first));
  if (inside > 0) order.fill(first, all.subspan(0, inside));
  if (inside < all.size()) {
    order.fill(first + static_cast<int64_t>(inside) - size_, all.subspan(inside));
  }
  return samples;
}

}  // namespace composer
