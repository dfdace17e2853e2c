#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/nn/residual_block.h"

namespace composer {

namespace config {
class StochasticDepth;
}

/// How often the `index`-th of `blocks` residual blocks, counted from 0, is left out: `drop_rate`,
/// or with `linear` (index + 1) / blocks of it.
double block_drop_rate(int64_t index, int64_t blocks, double drop_rate, bool linear);

/// The sum of a block's shortcut and of what chance leaves of its branch.
class StochasticSum : public ResidualBlock::Sum {
 public:
  /// In training the branch times `keep` (0 or 1 for each sample, shape [batch, 1, 1, 1]) plus the
  /// shortcut; where `keep` is a single number for the whole batch, of shape [1], a branch that is
  /// left out is not computed. In evaluation the branch times 1 - drop_rate plus the shortcut.
  at::Tensor forward(ResidualBlock& block, const at::Tensor& input) override;

  double drop_rate = 0;
  /// Undefined for a whole branch.
  at::Tensor keep;
};

/// The residual blocks of a model, in order, and what becomes of them.
class StochasticBlocks {
 public:
  /// Gives every ResidualBlock of `model` a StochasticSum, or takes those that they have.
  static StochasticBlocks of(torch::nn::Module& model);

  void set_drop_rate(double drop_rate, bool linear);
  /// Draws which blocks are left out, of a whole batch.
  void draw_blocks(at::Generator generator);
  /// Draws for each of `samples` samples.
  void draw_samples(int64_t samples, at::Generator generator, at::Device device);

  size_t size() const { return sums_.size(); }
  StochasticSum& operator[](size_t index) { return *sums_[index]; }

 private:
  std::vector<std::shared_ptr<StochasticSum>> sums_;
};

struct StochasticDepthOptions {
  /// Leaves out a block for a whole (micro)batch, or for each sample by itself.
  enum class Method { kBlock, kSample };
  Method method = Method::kBlock;
  double drop_rate = 0.2;
  /// Rates that grow from block to block up to `drop_rate`, instead of being the same.
  bool linear = true;
  /// The fraction of training over which rates grow from 0; only for blocks.
  double drop_warmup = 0;
};

/// Trains networks that are shorter at random, by leaving out residual blocks, and evaluates the
/// whole network with each branch weighed by how often it was there (Huang et al., 2016,
/// arXiv:1603.09382; by the sample as in EfficientNet's code).
///
/// At init the blocks (ResidualBlock, such as ResNet's) get another sum; with a warm-up batch_start
/// sets the rates; before_forward draws for the microbatch. Parameters stay, and so do their names.
/// Logs stochastic_depth/drop_rate; how many blocks there are is said once, as surgery is.
///
/// Differs from Composer: blocks of two convolutions are left out too, not bottlenecks only; the
/// rates reach drop_rate when the warm-up ends, and grow within an epoch; draws are the algorithm's
/// own, so that a resumed run draws as the unbroken one.
class StochasticDepth final : public Algorithm {
 public:
  using Config = config::StochasticDepth;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without residual blocks is an error instead of a warning.
  explicit StochasticDepth(StochasticDepthOptions options = {}, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

  /// The rate at which the warm-up is, for an evaluation before the next batch.
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

 private:
  void set_drop_rate(double drop_rate);
  void change_model(State& state, Logger& logger);

  const StochasticDepthOptions options_;
  const bool must_match_;
  StochasticBlocks blocks_;
  double drop_rate_;
};

}  // namespace composer
