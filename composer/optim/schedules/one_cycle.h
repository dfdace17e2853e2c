#pragma once

#include "composer/core/scheduler.h"

namespace composer {

struct OneCycleOptions {
  enum class Anneal { kCosine, kLinear };
  /// How long the learning rate rises.
  Time t_warmup = Time::duration(0.3);
  Time t_max = Time::duration(1);
  /// The first multiple is 1 / div_factor.
  double div_factor = 25;
  /// The last is the first / final_div_factor.
  double final_div_factor = 1e4;
  Anneal anneal = Anneal::kCosine;
};

/// Rises to 1 over `t_warmup`, falls until `t_max` to far below where it began, and stays there
/// (Smith and Topin, 2017, arXiv:1708.07120), as torch.optim.lr_scheduler.OneCycleLR in two phases:
/// the optimizer's learning rate is its `max_lr`. Momentum stays as it is. With t, w (the warm-up)
/// and T in one unit, first = 1 / div_factor, last = first / final_div_factor, and h(x) = x or
/// (1 - cos(pi * x)) / 2:
///
///   t < w:  first + (1 - first) * h(t / w)
///   else:   1 + (last - 1) * h((t - w) / (T - w))
///
/// The last of PyTorch's N steps has the last value, here it is reached at T, after the run's last
/// batch: PyTorch's T is N - 1 batches, its w is pct_start * N - 1.
class OneCycleSchedule final : public Scheduler {
 public:
  explicit OneCycleSchedule(OneCycleOptions options) : options_(options) {}

  double multiplier(const ScheduleClock& clock) const override;
  absl::Status validate(const ScheduleClock& clock) const override;

 private:
  const OneCycleOptions options_;
};

}  // namespace composer
