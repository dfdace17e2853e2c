#include "composer/data/from_config.h"

#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/data/dataset_batch_maker.h"
#include "composer/data/image_dataset.h"
#include "composer/data/loader.h"
#include "composer/data/registry.h"
#include "composer/data/samplers/sampler_from_config.h"
#include "composer/data/stream_from_config.h"
#include "composer/data/transforms/from_config.h"
#include "composer/data/workers/auto_workers.h"
#include "proto/data.pb.h"

namespace composer {
namespace {

// What was learnt from the samples that a model is measured on makes the measurement wrong, and
// numbers the categories in another way than the model knows them.
absl::Status check_learnt(const Dataset& dataset) {
  const std::optional<Learnt> learnt = dataset.learnt();
  if (!learnt || !learnt->from_own_samples) return absl::OkStatus();
  return field_error(
      "dataset",
      absl::StrCat(
          dataset.name(),
          " would learn its categories and means from its own samples, which only training "
          "may do: set learn_from to the file that is trained on, or learnt to the "
          "train_learnt.json of the run that trained"));
}

// Batches of `dataset`, after what the config does to its samples.
absl::StatusOr<std::shared_ptr<const BatchMaker>> build_batch_maker(
    const config::DataLoader& config, std::shared_ptr<const Dataset> dataset,
    const LoaderContext& context) {
  const bool transformed = !config.transforms().empty() || config.channels_last();
  const bool images = dynamic_cast<const ImageDataset*>(dataset.get()) != nullptr;
  if (transformed || (images && !config.has_collate())) {
    if (config.has_collate()) {
      return field_error("collate",
                         "transformed images are stacked as they are written: leave collate out");
    }
    return build_image_batch_maker(std::move(dataset), config.transforms(),
                                   {.seed = context.seed, .channels_last = config.channels_last()});
  }
  DatasetBatchMakerOptions options{.seed = context.seed};
  // Datasets stack by themselves, those in memory at once.
  if (config.has_collate() && !config.collate().has_stack()) {
    auto collate = build_chosen<Collate>(config.collate());
    if (!collate.ok()) return in_field("collate", collate.status());
    options.collate = *std::move(collate);
  }
  return std::make_shared<DatasetBatchMaker>(std::move(dataset), std::move(options));
}

absl::StatusOr<int64_t> resolve_workers(const std::string& text, const BatchMaker& maker,
                                        int64_t samples) {
  if (text == "auto") {
    std::optional<double> nanoseconds = maker.nanoseconds_per_sample();
    if (nanoseconds) *nanoseconds *= static_cast<double>(samples);
    return auto_workers(nanoseconds, static_cast<int64_t>(std::thread::hardware_concurrency()));
  }
  int64_t workers;
  if (absl::SimpleAtoi(text, &workers)) return workers;
  return field_error("workers",
                     absl::StrCat("expected \"auto\" or a number, found \"", text, "\""));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Dataset>> build_dataset(const config::Dataset& config) {
  return build_chosen<Dataset>(config);
}

absl::StatusOr<std::shared_ptr<DataLoader>> build_loader(const config::DataLoader& config,
                                                         const LoaderContext& context) {
  if (config.has_stream()) return build_stream_loader(config, context);
  absl::StatusOr<std::shared_ptr<Dataset>> dataset = build_dataset(config.dataset());
  if (!dataset.ok()) return in_field("dataset", dataset.status());
  if (!context.training) COMPOSER_RETURN_IF_ERROR(check_learnt(**dataset));
  COMPOSER_ASSIGN_OR_RETURN(const std::shared_ptr<const BatchMaker> maker,
                            build_batch_maker(config, *dataset, context));
  MapDataLoaderOptions options{
      .batch_size = config.batch_size(),
      .shuffle = config.has_shuffle() ? config.shuffle() : context.training,
      .drop_last = config.drop_last(),
      .pad_last = config.pad_last(),
      .seed = context.seed,
      .rank = context.rank,
      .world_size = context.world_size,
      .prefetch = config.prefetch(),
      .prefetch_next_epoch = context.training,
      .pin_memory_for = context.pin_memory_for,
  };
  if (config.has_subset_num_batches()) options.subset_num_batches = config.subset_num_batches();
  if (config.broken_samples().policy() == config::BrokenSamples::SKIP) {
    options.skip_broken_samples = config.broken_samples().limit();
  }
  COMPOSER_ASSIGN_OR_RETURN(options.sampler,
                            build_sampler(config, **dataset, options.shuffle, context.seed));
  COMPOSER_ASSIGN_OR_RETURN(
      options.workers,
      resolve_workers(config.workers(), *maker, options.batch_size / options.world_size));
  return MapDataLoader::create(maker, options);
}

}  // namespace composer
