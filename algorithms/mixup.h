#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "algorithms/pair_mixing.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class MixUp;
}

/// min(z, 1 - z) with z from Beta(alpha, alpha), so that the sample itself always counts for more
/// than the one that is mixed in. 0 when alpha is.
double draw_mixing_weight(double alpha, const at::Generator& generator);

/// (1 - weight) input + weight input[permutation], along the first dimension. For inputs, and for
/// targets that are weights. Throws a ValueError when `input` is not of floating point.
at::Tensor mixup_batch(const at::Tensor& input, const at::Tensor& permutation, double weight);

/// The same for the targets of `logits`, [N, C, ...]; classes, [N, ...], become weights first.
at::Tensor mixup_targets(const at::Tensor& logits, const at::Tensor& targets,
                         const at::Tensor& permutation, double weight);

struct MixUpOptions {
  /// The mixing weight is drawn from Beta(alpha, alpha).
  double alpha = 0.2;
  /// Mixes the losses of both targets instead of the targets.
  bool interpolate_loss = false;
  /// The batch's tensors to mix; empty for Batch::input_name() and Batch::target_name().
  std::string input_key = {};
  std::string target_key = {};
};

/// Which sample is mixed into each, and how much it counts for.
struct MixUpDraw {
  at::Tensor permutation;
  double weight = 0;
};

/// Trains on convex combinations of samples with their targets (Zhang et al., 2017,
/// arXiv:1710.09412). One weight and one permutation for each microbatch.
///
/// See PairMixing for what it does when.
///
/// Differs from Composer: what was mixed is restored, for metrics and for whatever comes after;
/// mixed targets are made of what an algorithm before this one has put there, so that smoothing
/// labels before or after mixing them is the same; losses of several terms are interpolated term by
/// term.
class MixUp : public PairMixing {
 public:
  using Config = config::MixUp;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit MixUp(MixUpOptions options = {});

  AlgorithmTraits traits() const override;

 protected:
  /// For a microbatch of `samples`; on the CPU. A test puts the draws of another program here.
  virtual MixUpDraw draw(int64_t samples, const at::Generator& generator);

 private:
  at::Tensor draw_and_mix(const at::Tensor& input, const at::Tensor& targets,
                          const at::Generator& generator) override;
  at::Tensor mix_targets(const at::Tensor& logits, const at::Tensor& targets) const override;
  const at::Tensor& permutation() const override { return draw_.permutation; }
  double weight() const override { return draw_.weight; }

  // For this microbatch.
  MixUpDraw draw_;
};

}  // namespace composer
