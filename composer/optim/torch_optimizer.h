#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/base/exceptions.h"
#include "composer/core/optimizer.h"
#include "composer/core/regroupable.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

/// Any torch::optim optimizer as an Optimizer:
///
///   OptimizerFactory factory = torch_optimizer<torch::optim::RMSprop>(
///       torch::optim::RMSpropOptions(1e-3));
///
/// Its groups' `lr` follows the schedule. Other settings, weight decay among them, are in its own
/// options, so `weight_decay` of `groups()` is 0 here and changes nothing. LBFGS evaluates the loss
/// repeatedly and needs `step` rather than `update`; an evaluation that `found_inf` is about ends
/// the step, with parameters and state as before it.
class TorchOptimizer final : public Optimizer, public Regroupable {
 public:
  /// `parameters` names those that `optimizer` has; throws when one has no name.
  TorchOptimizer(std::unique_ptr<torch::optim::Optimizer> optimizer,
                 const std::vector<NamedParameter>& parameters);

  at::Tensor step(const LossClosure& closure) override;
  bool evaluates_loss_repeatedly() const override { return repeats_; }
  std::vector<ParameterGroup>& groups() override { return groups_; }
  /// Throws a NotImplementedError for LBFGS, whose state is about all parameters together.
  void set_groups(std::vector<ParameterGroup> groups) override;

  /// The whole state of SGD, Adam, AdamW, RMSprop, Adagrad and LBFGS. Throws a NotImplementedError
  /// that names the type for the state of others: they can train, but not be saved.
  StateDict state_dict() const override;
  absl::Status load_state_dict(const StateDict& state) override;

  torch::optim::Optimizer& optimizer() { return *optimizer_; }

 private:
  void update_parameters() override;
  void set_learning_rates();
  at::Tensor evaluated(const LossClosure& closure) const;

  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<ParameterGroup> groups_;
  const bool repeats_;
};

/// Makes a TorchOptimizer with one group of all parameters when they are known.
template <typename TorchType, typename Options>
OptimizerFactory torch_optimizer(Options options) {
  return [options](
             std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
    std::unique_ptr<Optimizer> result;
    absl::Status status = catch_exceptions([&] {
      const ParameterGroup group = single_group(std::move(parameters), 0, 0);
      std::vector<at::Tensor> tensors;
      for (const NamedParameter& parameter : group.parameters) tensors.push_back(parameter.tensor);
      result = std::make_unique<TorchOptimizer>(
          std::make_unique<TorchType>(std::move(tensors), options), group.parameters);
    });
    if (!status.ok()) return status;
    return result;
  };
}

}  // namespace composer
