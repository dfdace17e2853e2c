#include "composer/data/from_config.h"

#include <utility>

#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/data/loader.h"
#include "composer/data/registry.h"
#include "proto/data.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<Dataset>> build_dataset(const config::Dataset& config) {
  return build_chosen<Dataset>(config);
}

absl::StatusOr<std::shared_ptr<DataLoader>> build_loader(const config::DataLoader& config,
                                                         const LoaderContext& context) {
  absl::StatusOr<std::shared_ptr<Dataset>> dataset = build_dataset(config.dataset());
  if (!dataset.ok()) return in_field("dataset", dataset.status());
  MapDataLoaderOptions options{
      .batch_size = config.batch_size(),
      .shuffle = config.has_shuffle() ? config.shuffle() : context.shuffle_by_default,
      .drop_last = config.drop_last(),
      .seed = context.seed,
      .rank = context.rank,
      .world_size = context.world_size,
  };
  if (config.has_subset_num_batches()) options.subset_num_batches = config.subset_num_batches();
  return MapDataLoader::create(*std::move(dataset), options);
}

}  // namespace composer
