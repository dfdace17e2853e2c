#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/data/samplers/sampler.h"

namespace composer {

struct WeightedSamplerOptions {
  /// Whether a sample may come again within an epoch.
  bool replacement = true;
  /// Samples of an epoch; as many as there are weights when left out.
  std::optional<int64_t> num_samples = std::nullopt;
  uint64_t seed = 0;
};

/// Draws samples by weight; a sample of weight zero never comes. An epoch's samples are a function
/// of the weights, the seed and the epoch, the same on every machine.
///
/// With replacement each position's draw is a function of its own, from an alias table of 16 bytes
/// a weight, so that any position costs some 20 ns and an epoch may be of any length. Without, each
/// draw is by the weights of those that are left, as from an urn: the samples in the order of the
/// keys log(u) / weight, largest first (Efraimidis and Spirakis, 2006, "Weighted random sampling
/// with a reservoir"). That order is written out when an epoch begins: 8 bytes a sample, some 150
/// ns a weight.
///
/// Errors are about the fields "num_samples", when there are fewer weights above zero than that and
/// no replacement, and "weights": none, negative or not finite, with its place, or all zero.
absl::StatusOr<std::unique_ptr<Sampler>> make_weighted_sampler(
    std::vector<double> weights, const WeightedSamplerOptions& options);

}  // namespace composer
