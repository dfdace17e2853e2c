#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"
#include "composer/core/optimizer.h"
#include "composer/nn/surgery.h"

namespace composer {

namespace config {
class GhostBatchNorm;
}

/// What batch normalisation keeps from batch to batch, each of shape [channels].
struct RunningStatistics {
  at::Tensor mean = {};
  at::Tensor var = {};
  /// What the mean over all parts so far is over; asked where there is no momentum.
  int64_t parts_seen = 0;
};

/// Batch normalisation in training of `chunks` parts of the batch, each by its own mean and
/// variance; of equal size but for the last, as Tensor.chunk makes them. `input` is
/// [batch, channels, ...]; `weight` and `bias` are [channels] or undefined.
///
/// `running`, where defined, is updated as if one part came after the other: by `momentum` of each
/// part's statistics, or to the mean of all parts where there is no momentum.
at::Tensor ghost_batch_norm(const at::Tensor& input, int64_t chunks, const at::Tensor& weight,
                            const at::Tensor& bias, const RunningStatistics& running,
                            std::optional<double> momentum, double eps);

/// Replaces the batch norms (torch::nn::BatchNorm1d, 2d and 3d) in slots of `model` by ones that
/// normalise `ghost_batch_size` samples at a time. Returns what was replaced.
std::vector<LayerReplacement> apply_ghost_batch_norm(
    torch::nn::Module& model, int64_t ghost_batch_size = 32,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers = {});

/// Batch norms that see small batches, whatever the batch's size (Hoffer et al., 2017,
/// arXiv:1705.08741): in training the batch is cut into as few parts of equal size as are of at
/// most `ghost_batch_size` samples, and each is normalised by itself. The momentum of the running
/// statistics is divided by the number of parts. A batch that is smaller is a ValueError in
/// forward.
///
/// At init the model's layers are replaced, for good. No parameter is added and none changes its
/// name.
///
/// Differs from Composer: all parts are computed at once, on the CPU by a kernel of its own;
/// parameters keep their names (there "bn1.weight" becomes "bn1.batchnorm.weight"); evaluation,
/// which goes by the running statistics, takes batches of any size; a norm without a momentum (the
/// mean over all batches) works.
class GhostBatchNorm final : public Algorithm {
 public:
  using Config = config::GhostBatchNorm;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  /// `must_match`: a model without batch norms is an error instead of a warning.
  explicit GhostBatchNorm(int64_t ghost_batch_size = 32, bool must_match = false);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const int64_t ghost_batch_size_;
  const bool must_match_;
};

}  // namespace composer
