#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/optimizer.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

/// What optimizers on ATen's fused multi-tensor kernels share: which parameters one call may take,
/// the memory layout of their state, and saving it.
///
/// The kernels walk storage. So a parameter must be dense, its state is laid out as it is, and a
/// gradient in another memory order or dtype is copied into the parameter's first. A model that is
/// converted between steps (`to(...)`) takes its state along at the next step.
///
/// Parameters without a gradient are left alone, and so is their state: one that gets its first
/// gradient at the fifth step begins there. State is allocated when it is first needed.
class FusedOptimizer : public Optimizer {
 public:
  /// Throws a c10::Error that names the parameter when a gradient is sparse or of another shape.
  void update() final;

  std::vector<ParameterGroup>& groups() final { return groups_; }

  /// Each state tensor under its kind and its parameter's name ("momentum_buffer" -> "fc1.weight"),
  /// how often each parameter was updated under "step", and the groups' learning rates.
  StateDict state_dict() const final;

  /// Takes the state into the parameters' layout. Nothing is changed when a name is missing or
  /// unknown or a shape differs.
  absl::Status load_state_dict(const StateDict& state) final;

 protected:
  /// What one call of a kernel updates: parameters of one group, device and dtype that have seen
  /// the same number of updates (where the kernel cares).
  struct Bucket {
    size_t group = 0;
    std::vector<at::Tensor> parameters;
    /// As the parameters; empty when they have none.
    std::vector<at::Tensor> gradients;
    /// By kind, then by parameter.
    std::vector<std::vector<at::Tensor>> state;
    /// The number of this update, counted from 1: one tensor, once for each parameter.
    std::vector<at::Tensor> steps;
    /// Updates before this one; with Steps::kFirst no more than 1.
    int64_t updates = 0;

    std::vector<size_t> members;
    bool active = false;
  };

  /// What a kernel must know about the updates before: whether there were any, or their number.
  enum class Steps { kFirst, kCounted };

  /// `state_kinds`: the names of the state tensors. Every group's `initial_lr` becomes its `lr`.
  /// Throws when a parameter or a name comes twice, or when a parameter is not dense.
  FusedOptimizer(std::vector<ParameterGroup> groups, std::vector<std::string> state_kinds,
                 Steps steps);

  /// Calls the kernel.
  virtual void apply(Bucket& bucket, const ParameterGroup& group) = 0;

 private:
  struct Member {
    size_t group;
    NamedParameter parameter;
    std::vector<at::Tensor> state;
    int64_t updates = 0;
  };

  /// Fills the buckets' gradients. False when the buckets no longer fit the parameters.
  bool gather();
  bool gather(Bucket& bucket);
  /// Puts the members into buckets by what they are now.
  void regroup();
  void fit_state(Member& member);
  static void advance_steps(Bucket& bucket);
  void count_update(Bucket& bucket);

  std::vector<ParameterGroup> groups_;
  const std::vector<std::string> state_kinds_;
  const Steps steps_;
  std::vector<Member> members_;
  std::vector<Bucket> buckets_;
  bool stale_ = true;
};

/// Makes an `Item`, a FusedOptimizer, when the parameters are known: grouped by `rules`, the others
/// with the options' learning rate and weight decay.
template <typename Item, typename Options>
OptimizerFactory grouped_factory(Options options, std::vector<GroupRule> rules) {
  return [options, rules = std::move(rules)](
             std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
    COMPOSER_ASSIGN_OR_RETURN(
        std::vector<ParameterGroup> groups,
        group_by_name(std::move(parameters), rules, options.lr, options.weight_decay));
    return try_make<Item>(std::move(groups), options);
  };
}

}  // namespace composer
