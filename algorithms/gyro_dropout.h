#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"
#include "composer/core/optimizer.h"
#include "composer/nn/layer.h"
#include "composer/nn/surgery.h"

namespace composer {

namespace config {
class GyroDropout;
}

/// `input` by the masks that were picked, each for an equal part of the batch in a row, and divided
/// by 1 - `p`. `masks` are [sigma, features] of zeros and ones, `picks` [tau] indices of them.
/// Features are the last dimension of [batch, features] and [batch, tokens, features], and the
/// channels of [batch, channels, height, width] and of what has more dimensions. Throws a
/// ValueError for a batch that is no multiple of tau.
at::Tensor gyro_dropout(const at::Tensor& input, const at::Tensor& masks, const at::Tensor& picks,
                        double p);

struct GyroDropoutOptions {
  /// How often a mask has a zero.
  double p = 0.5;
  /// Masks.
  int64_t sigma = 256;
  /// How many of them are in use at a time.
  int64_t tau = 16;
};

/// Dropout by the masks of a seed; none in evaluation.
class GyroDropoutLayer final : public torch::nn::Module, public Layer {
 public:
  GyroDropoutLayer(GyroDropoutOptions options, uint64_t seed) : options_(options), seed_(seed) {}

  at::Tensor forward(const at::Tensor& input) override;

  /// From now on the masks of the `turn`-th pick are in use: tau different ones, a function of seed
  /// and turn.
  void set_turn(uint64_t turn);

  /// What turns say: masks [sigma, features], the same in all turns, and picks [tau].
  at::Tensor masks(int64_t features) const;
  at::Tensor picks() const;

 private:
  const GyroDropoutOptions options_;
  const uint64_t seed_;
  uint64_t turn_ = 0;
  // masks[picks] / (1 - p) as the last input needed it.
  at::Tensor selected_;
};

/// Replaces the dropout layers (torch::nn::Dropout) in slots of `model`; each has masks of its own,
/// by `seed` and its name. Returns what was replaced.
std::vector<LayerReplacement> apply_gyro_dropout(
    torch::nn::Module& model, const GyroDropoutOptions& options, uint64_t seed,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Dropout that trains a fixed number of subnetworks, few at a time and each for long, so that they
/// differ more and make a better ensemble (Lee et al., 2022, Gyro Dropout, MLSys).
///
/// At init the model's layers are replaced, for good; batch_start picks other masks sigma / tau
/// times in a run, in equal parts of it whatever unit max_duration has. No parameter is added or
/// renamed. Masks and picks follow from the run's seed, the layer's name, the part of the run and
/// (picks only) the rank: there is no state, and a resumed run has those of the unbroken one.
///
/// Differs from Composer: layers are there from the start, not from fit's; the unit of max_duration
/// counts, and a run of less than sigma batches is no division by zero; masks change between
/// batches, also where there are microbatches; the masks in use at a time are different ones;
/// inputs may have any number of dimensions from 2 on (there only 2); it resumes exactly.
class GyroDropout final : public Algorithm {
 public:
  using Config = config::GyroDropout;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without dropout layers is an error instead of a warning.
  explicit GyroDropout(GyroDropoutOptions options = {}, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const GyroDropoutOptions options_;
  const bool must_match_;
  std::vector<std::shared_ptr<GyroDropoutLayer>> layers_;
};

}  // namespace composer
