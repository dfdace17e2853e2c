#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/data_loader.h"
#include "composer/data/from_config.h"

namespace composer {

/// The loader of a config with `stream`. Errors carry a field path relative to `config`, among them
/// those of fields that need random access.
absl::StatusOr<std::shared_ptr<DataLoader>> build_stream_loader(const config::DataLoader& config,
                                                                const LoaderContext& context);

}  // namespace composer
