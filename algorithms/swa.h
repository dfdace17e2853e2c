#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "algorithms/weight_average.h"
#include "composer/base/time.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class Swa;
}

/// Takes one more model into an equal-weight average of `count` models, in place:
/// averages <- averages + (weights - averages) / (count + 1). Integers are copied.
void update_average(at::TensorList weights, at::TensorList averages, int64_t count);

/// How a learning rate goes from one value to another.
enum class Annealing { kLinear, kCosine };

/// The rate after `updates` of `steps` from `from` to `to`; `to` from then on. As
/// torch.optim.swa_utils.SWALR.
double annealed_lr(Annealing annealing, double from, double to, int64_t updates, int64_t steps);

struct SwaOptions {
  /// Between these two times, both in "dur" or both in epochs, weights are averaged; at the second
  /// the average becomes the model.
  Time swa_start = Time::duration(0.7);
  Time swa_end = Time::duration(0.97);
  /// How often the weights of the moment are taken into the average, in batches or epochs.
  Time update_interval = Time::epochs(1);
  /// Anneals the learning rates between the two times from what they are at the first to `swa_lr`,
  /// over `anneal_steps` updates of the average.
  bool schedule_swa_lr = false;
  Annealing anneal_strategy = Annealing::kLinear;
  int64_t anneal_steps = 10;
  /// Needed with `schedule_swa_lr`.
  std::optional<double> swa_lr = {};
};

/// Stochastic weight averaging (Izmailov et al., 2018, arXiv:1803.05407): the average of the
/// weights at several points late in training is a flatter minimum than any of them.
///
/// From `swa_start` on the first end of a batch (or epoch) and every `update_interval`-th after it
/// is taken into the average, whose buffers are those of the last one. At `swa_end` parameters and
/// buffers become the average; what is left of training goes on from there and fits the statistics
/// of batch norms to it, so leave it an epoch. With `schedule_swa_lr` the learning rates are this
/// algorithm's from batch_start on, until `swa_end` gives them back to the schedule.
///
/// State: the average, how many models are in it, how far the learning rate is. A resumed run goes
/// on with the same bits.
///
/// Differs from Composer: times in "dur" move within an epoch; `swa_lr` is what the learning rate
/// is annealed to (there it is overwritten by the schedule's last rate), from any number of groups,
/// optimizers and schedules; the average is on the model's device.
class Swa final : public Algorithm {
 public:
  using Config = config::Swa;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit Swa(SwaOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

  /// Models in the average.
  int64_t averaged() const { return averaged_; }

 private:
  void set_learning_rates(State& state) const;

  const SwaOptions options_;
  Event update_event_;
  WeightAverage average_{WeightAverage::Buffers::kCopied};
  // Ends of batches or epochs since the start.
  int64_t seen_ = 0;
  int64_t averaged_ = 0;
  bool completed_ = false;
  // Of each group when averaging began; with schedule_swa_lr.
  std::vector<double> first_lrs_;
};

}  // namespace composer
