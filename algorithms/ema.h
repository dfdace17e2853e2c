#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "algorithms/weight_average.h"
#include "composer/base/time.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class Ema;
}

/// Moves each of `averages` in place towards the one of `weights` at the same index:
/// averages <- smoothing averages + (1 - smoothing) weights. Integers are copied.
void compute_ema(at::TensorList weights, at::TensorList averages, double smoothing);

struct EmaOptions {
  /// After so many batches or epochs the weights of now count for half. Give this or `smoothing`;
  /// 1000 batches when both are left out.
  std::optional<Time> half_life = {};
  /// What the average keeps of itself at an update, above 0 and below 1.
  std::optional<double> smoothing = {};
  /// How much training comes before the average begins: from the weights of then.
  Time ema_start = Time::duration(0);
  /// How often the average is updated, in batches or epochs; when left out, once in the unit of
  /// `half_life`, or each batch.
  std::optional<Time> update_interval = {};
};

/// Evaluates, predicts and ends with an exponential moving average of the weights, which often
/// generalises better than the weights themselves (Polyak and Juditsky, 1992; Tarvainen and
/// Valpola, 2017, arXiv:1703.01780). Parameters and buffers are averaged.
///
/// At the ends of batches (or epochs) the average is updated. It is in the model from eval_start to
/// eval_end, from predict_start to predict_end, and from fit_end on, until fit_start puts the
/// training weights back. A step that was skipped as a bad one counts as one that changed nothing.
///
/// State: the average, and the training weights while the average is in the model. So a checkpoint
/// holds the training weights as the model's and the average as this algorithm's.
///
/// Differs from Composer: `smoothing` alone is enough; integer buffers are copied rather than
/// averaged and truncated; predictions are made with the average, too; the model is left with the
/// average at the end of training; a checkpoint never swaps the two, so that a resumed run goes on
/// with the same bits however often either is saved; the average of weights in 16 bits is in
/// float32; `ema_start` in "dur" moves within an epoch.
class Ema final : public Algorithm {
 public:
  using Config = config::Ema;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit Ema(EmaOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;
  StateDict state_dict() const override { return average_.state_dict(); }
  absl::Status load_state_dict(const StateDict& state) override;

  /// What an update keeps of the average.
  double smoothing() const { return smoothing_; }

 private:
  bool is_due(const State& state) const;

  Time start_;
  Time update_interval_;
  Event update_event_;
  double smoothing_;
  WeightAverage average_{WeightAverage::Buffers::kAveraged};
  // The average was put into the model for an evaluation or a prediction.
  bool borrowed_ = false;
};

}  // namespace composer
