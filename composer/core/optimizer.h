#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/state_dict.h"

namespace composer {

/// A parameter under its full name in the model, "fc1.weight".
struct NamedParameter {
  std::string name;
  at::Tensor tensor;
};

/// Parameters that share their settings. Schedulers set `lr` to a multiple of `initial_lr`.
struct ParameterGroup {
  std::vector<NamedParameter> parameters;
  double lr = 0;
  double initial_lr = 0;
  double weight_decay = 0;
  /// What chose the parameters: a regular expression, or empty for those that no rule chose.
  std::string pattern = {};
};

/// Computes the loss and its gradients and returns the loss; undefined when the model updated
/// itself, and then nothing is left for the optimizer to do.
using LossClosure = std::function<at::Tensor()>;

/// Changes parameters by their gradients.
class Optimizer : public Stateful {
 public:
  /// Calls `closure`, then updates unless the loss it returns is undefined. An optimizer that needs
  /// the loss more than once overrides this, and `evaluates_loss_repeatedly`.
  virtual at::Tensor step(const LossClosure& closure);

  /// Updates every parameter that has a gradient.
  virtual void update() = 0;

  virtual bool evaluates_loss_repeatedly() const { return false; }

  virtual std::vector<ParameterGroup>& groups() = 0;

  /// Sets every gradient to undefined, so that the next backward stores rather than adds.
  void zero_grad();
};

/// Makes an optimizer for a model's parameters; called after `init`, when module surgery is done.
using OptimizerFactory =
    std::function<absl::StatusOr<std::unique_ptr<Optimizer>>(std::vector<NamedParameter>)>;

}  // namespace composer
