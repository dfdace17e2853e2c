#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/data/dataset.h"
#include "composer/data/samplers/mixture_sampler.h"

namespace composer {

namespace config {
class Mixture;
}

struct MixturePart {
  std::shared_ptr<const Dataset> dataset;
  /// Its share of the samples, relative to the other parts'; the dataset's size when left out,
  /// which all parts must then do.
  std::optional<double> proportion = std::nullopt;
};

/// Several datasets in one: their samples numbered one after the other, and an order in which they
/// come in fixed proportions (see MixtureSampler), which is what a loader takes. It is an
/// ImageDataset when all parts are; its statistics are then those of the pixels that come, by
/// proportion.
///
/// Samples of all parts must have tensors of the same names, types and numbers of dimensions;
/// stacked in one batch, of the same shapes. A part that has an order of its own, as a mixture has,
/// is refused: list its parts instead. So are parts that have learnt different things of their data
/// (the categories of a table's column, say): one number would mean two things.
///
/// Errors are about "parts[i].dataset" and "parts[i].proportion".
absl::StatusOr<std::shared_ptr<Dataset>> make_mixture(std::vector<MixturePart> parts,
                                                      MixtureSamplerOptions::Stop stop);

/// The mixture of a config.
struct Mixture {
  using Config = config::Mixture;
  static absl::StatusOr<std::shared_ptr<Dataset>> create(const Config& config);
};

}  // namespace composer
