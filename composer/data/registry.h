#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/registry.h"
#include "composer/data/collate.h"
#include "composer/data/dataset.h"
#include "composer/data/iterable_dataset.h"
#include "google/protobuf/message.h"

namespace composer {

/// What a config can name as a dataset: `COMPOSER_REGISTER(Dataset, FashionMnist)`.
template <>
struct RegistryTraits<Dataset> {
  static absl::string_view kind() { return "dataset"; }
  using Factory =
      std::function<absl::StatusOr<std::shared_ptr<Dataset>>(const google::protobuf::Message&)>;
};

/// The same for `stream`: `COMPOSER_REGISTER(IterableDataset, JsonLinesStream)`, whose Config may
/// be that of a Dataset.
template <>
struct RegistryTraits<IterableDataset> {
  static absl::string_view kind() { return "stream"; }
  using Factory = std::function<absl::StatusOr<std::shared_ptr<IterableDataset>>(
      const google::protobuf::Message&)>;
};

/// What makes samples into a batch: `COMPOSER_REGISTER(Collate, PadCollate)`.
template <>
struct RegistryTraits<Collate> {
  static absl::string_view kind() { return "collate"; }
  using Factory =
      std::function<absl::StatusOr<std::unique_ptr<Collate>>(const google::protobuf::Message&)>;
};

}  // namespace composer
