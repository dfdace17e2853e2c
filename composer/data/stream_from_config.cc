#include "composer/data/stream_from_config.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/data/registry.h"
#include "composer/data/streams/stream_loader.h"
#include "proto/data.pb.h"

namespace composer {
namespace {

// What is asked for and a stream cannot do.
absl::Status check(const config::DataLoader& config) {
  if (config.has_sampler()) {
    return field_error("sampler",
                       "a stream is read file after file, a sampler draws samples from anywhere: "
                       "leave out one of them");
  }
  if (!config.transforms().empty() || config.channels_last()) {
    return field_error(config.transforms().empty() ? "channels_last" : "transforms",
                       "images of a stream come normalised as the dataset says; to transform them, "
                       "leave `stream` out");
  }
  if (config.pad_last()) {
    return field_error("pad_last",
                       "a stream cannot go back to the epoch's start to fill its last batch; set "
                       "drop_last instead");
  }
  if (config.workers() != "auto" && config.workers() != "0" && config.workers() != "1") {
    return field_error("workers", absl::StrCat("a stream is read by one thread: expected 0, 1 or "
                                               "\"auto\", found \"",
                                               config.workers(), "\""));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<DataLoader>> build_stream_loader(const config::DataLoader& config,
                                                                const LoaderContext& context) {
  COMPOSER_RETURN_IF_ERROR(check(config));
  auto dataset = build_chosen<IterableDataset>(config.dataset());
  if (!dataset.ok()) return in_field("dataset", dataset.status());
  StreamLoaderOptions options{
      .batch_size = config.batch_size(),
      .shuffle = config.has_shuffle() ? config.shuffle() : context.training,
      .shuffle_buffer = config.stream().shuffle_buffer(),
      .sharding = config.stream().sharding() == config::Stream::BY_FILE
                      ? StreamLoaderOptions::Sharding::kByFile
                      : StreamLoaderOptions::Sharding::kByRecord,
      .drop_last = config.drop_last(),
      .seed = context.seed,
      .rank = context.rank,
      .world_size = context.world_size,
      .read_ahead = config.workers() != "0",
      .prefetch = config.prefetch(),
      .prefetch_next_epoch = context.training,
      .pin_memory_for = context.pin_memory_for,
  };
  if (config.has_collate()) {
    auto collate = build_chosen<Collate>(config.collate());
    if (!collate.ok()) return in_field("collate", collate.status());
    options.collate = *std::move(collate);
  }
  if (config.has_subset_num_batches()) options.subset_num_batches = config.subset_num_batches();
  if (config.broken_samples().policy() == config::BrokenSamples::SKIP) {
    options.skip_broken_samples = config.broken_samples().limit();
  }
  return StreamLoader::create(*std::move(dataset), options);
}

}  // namespace composer
