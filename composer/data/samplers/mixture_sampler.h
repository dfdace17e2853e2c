#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/samplers/even_spread.h"
#include "composer/data/samplers/sampler.h"

namespace composer {

struct MixtureSamplerOptions {
  enum class Stop {
    /// Before any sample comes a second time.
    kFirstExhausted,
    /// As soon as every sample has come.
    kLastExhausted,
  };
  Stop stop = Stop::kFirstExhausted;
  /// Otherwise each part comes in the order of its samples.
  bool shuffle = true;
  uint64_t seed = 0;
};

/// The order of several sets of samples that are numbered one after the other: sample by sample in
/// fixed proportions, spread evenly (see EvenSpread). Within a part the order is a keyed
/// permutation of its own, and another one each time that the part starts again. Any position is
/// computed by itself, nothing is stored.
class MixtureSampler final : public Sampler {
 public:
  struct Part {
    int64_t size;
    /// Relative to the others'.
    double proportion;
  };

  /// Errors are about "parts": none, one without samples or whose proportion is not above 0 and
  /// finite, or is next to nothing beside the others'; or an epoch that would be too long to count.
  static absl::StatusOr<std::unique_ptr<MixtureSampler>> create(
      absl::Span<const Part> parts, const MixtureSamplerOptions& options);

  int64_t size() const override { return size_; }
  std::shared_ptr<const Order> order(int64_t epoch) const override;

 private:
  MixtureSampler(absl::Span<const Part> parts, absl::Span<const int64_t> weights,
                 const MixtureSamplerOptions& options);

  // Whether this many positions are few enough to repeat nothing; or enough to have everything.
  bool repeats_nothing(int64_t positions) const;
  bool has_everything(int64_t positions) const;

  EvenSpread spread_;
  std::vector<int64_t> sizes_;
  bool shuffle_;
  uint64_t seed_;
  int64_t size_ = 0;
};

}  // namespace composer
