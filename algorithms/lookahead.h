#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class Lookahead;
}

/// Moves each of `slow` in place by the part `alpha` of the way to the one of `fast` at the same
/// index, and `fast` there, too.
void look_ahead(at::TensorList slow, at::TensorList fast, double alpha);

struct LookaheadOptions {
  /// Batches between two moves of the slow weights.
  int64_t k = 5;
  /// How far they go; above 0 and at most 1.
  double alpha = 0.5;
};

/// Lookahead (Zhang et al., 2019, arXiv:1907.08610): a slow set of weights follows the optimizer's,
/// which begin anew from it every `k` batches. Works with any optimizer, whose momentum is kept.
///
/// The slow weights are those of the parameters that optimizers have; they are taken at the first
/// batch_start and move at batch_end. A batch that is skipped as a bad one counts.
///
/// State: the slow weights. A resumed run goes on with the same bits.
class Lookahead final : public Algorithm {
 public:
  using Config = config::Lookahead;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit Lookahead(LookaheadOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  const LookaheadOptions options_;
  // By the parameters' names; none before the first batch.
  std::map<std::string, at::Tensor> slow_;
};

}  // namespace composer
