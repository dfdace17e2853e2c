#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "composer/core/data_loader.h"
#include "composer/data/dataset.h"

namespace composer {

namespace config {
class DataLoader;
class Dataset;
}  // namespace config

/// The dataset that `config` chooses, built-in or a plugin's. Errors carry a field path relative to
/// `config`: "fashion_mnist.dir".
absl::StatusOr<std::shared_ptr<Dataset>> build_dataset(const config::Dataset& config);

/// What a loader must know beside its config.
struct LoaderContext {
  /// Whether it is trained on. Then it shuffles when the config says nothing, its workers go on
  /// with the next epoch, and its dataset may learn from its own samples.
  bool training = false;
  uint64_t seed = 0;
  int64_t rank = 0;
  int64_t world_size = 1;
  /// The GPU that batches are copied to, where there is one.
  std::optional<at::Device> pin_memory_for = std::nullopt;
};

/// The dataset and its loader. Errors carry a field path relative to `config`: "batch_size",
/// "dataset.fashion_mnist.dir".
absl::StatusOr<std::shared_ptr<DataLoader>> build_loader(const config::DataLoader& config,
                                                         const LoaderContext& context);

}  // namespace composer
