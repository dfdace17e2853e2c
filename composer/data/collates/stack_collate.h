#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/collate.h"

namespace composer {

namespace config {
class StackCollate;
}

/// Samples of one shape, stacked: see `collate`.
class StackCollate final : public Collate {
 public:
  using Config = config::StackCollate;
  static absl::StatusOr<std::unique_ptr<StackCollate>> create(const Config& config);

  Batch operator()(absl::Span<const TensorDict> samples) const override;
};

}  // namespace composer
