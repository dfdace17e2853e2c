#pragma once

#include "composer/core/scheduler.h"

namespace composer {

struct ConstantOptions {
  double alpha = 1;
  Time t_max = Time::duration(1);
};

/// `alpha` until `t_max`, 1 from there on.
class Constant final : public Scheduler {
 public:
  explicit Constant(ConstantOptions options) : options_(options) {}

  double multiplier(const ScheduleClock& clock) const override;
  absl::Status validate(const ScheduleClock& clock) const override;

 private:
  const ConstantOptions options_;
};

}  // namespace composer
