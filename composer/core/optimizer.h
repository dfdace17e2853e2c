#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
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

  /// Updates every parameter that has a gradient, unless `found_inf` says that there is nothing to
  /// learn from the gradients.
  void update();

  /// From now on `update` changes nothing - no parameter, no state, no step count - where this
  /// scalar of float32 is 1; whoever checks the gradients sets it to 0 or 1 before each update. On
  /// the parameters' device it is looked at there, so that no step waits for it. Undefined, as at
  /// first: every update counts.
  void set_found_inf(at::Tensor found_inf) { found_inf_ = std::move(found_inf); }

  virtual bool evaluates_loss_repeatedly() const { return false; }

  virtual std::vector<ParameterGroup>& groups() = 0;

  /// Sets every gradient to undefined, so that the next backward stores rather than adds.
  void zero_grad();

 protected:
  /// Updates every parameter that has a gradient.
  virtual void update_parameters() = 0;

  /// Whether `update_parameters` heeds `found_inf` itself. When not, `update` reads it on the host,
  /// which waits for a flag that is on another device.
  virtual bool heeds_found_inf() const { return false; }

  const at::Tensor& found_inf() const { return found_inf_; }
  /// What `found_inf` says, read on the host.
  bool found_inf_on_host() const;

 private:
  at::Tensor found_inf_;
};

/// Makes an optimizer for a model's parameters; called after `init`, when module surgery is done.
using OptimizerFactory =
    std::function<absl::StatusOr<std::unique_ptr<Optimizer>>(std::vector<NamedParameter>)>;

}  // namespace composer
