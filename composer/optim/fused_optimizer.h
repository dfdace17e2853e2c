#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/optimizer.h"
#include "composer/core/regroupable.h"
#include "composer/optim/parameter_groups.h"

namespace composer {

/// What optimizers that update many parameters in one call share: which parameters that may be, the
/// memory layout of their state, and saving it. The call is one of ATen's fused kernels where there
/// is one; else a kernel of ours on the CPU and ATen's multi-tensor operations on other devices.
///
/// The kernels walk storage. So a parameter must be dense, its state is laid out as it is, and a
/// gradient in another memory order or dtype is copied into the parameter's first. A model that is
/// converted between steps (`to(...)`) takes its state along at the next step.
///
/// Parameters without a gradient are left alone, and so is their state: one that gets its first
/// gradient at the fifth step begins there. State is allocated when it is first needed.
///
/// For parameters on another device than the CPU, what changes from update to update - the learning
/// rate, the step count, whether the update is skipped - is in tensors there, so that no update
/// waits for the device. Only SGD's first, which is another computation, does where it may be
/// skipped.
class FusedOptimizer : public Optimizer, public Regroupable {
 public:
  std::vector<ParameterGroup>& groups() final { return groups_; }
  void set_groups(std::vector<ParameterGroup> groups) final;

  /// Each state tensor under its kind and its parameter's name ("momentum_buffer" -> "fc1.weight"),
  /// how often each parameter was updated under "step", and the groups' learning rates.
  StateDict state_dict() const final;

  /// Takes the state into the parameters' layout. Nothing is changed when a name is missing or
  /// unknown or a shape differs.
  absl::Status load_state_dict(const StateDict& state) final;

  /// Parameters on the CPU are updated as those on other devices are, so that it can be tested
  /// without another device.
  void treat_cpu_as_device();

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
    /// Updates before this one; with Steps::kFirst no more than 1. On a device an upper bound:
    /// `steps` knows.
    int64_t updates = 0;

    /// What changes is in tensors: `steps`, `lr` and, when skipping is possible, `found_inf`.
    bool on_device = false;
    at::Tensor lr;
    std::optional<at::Tensor> found_inf;

    std::vector<size_t> members;
    bool active = false;
    /// A state tensor of each parameter, to see whether the parameter was converted.
    std::vector<at::Tensor> layouts;
    double lr_in_tensor = -1;
    /// Updates may have been skipped without the host's knowing.
    bool may_have_skipped = false;
  };

  /// What a kernel must know about the updates before: whether there were any, or their number.
  enum class Steps { kFirst, kCounted };

  /// `state_kinds`: the names of the state tensors. Every group's `initial_lr` becomes its `lr`.
  /// Throws when a parameter or a name comes twice, or when a parameter is not dense.
  FusedOptimizer(std::vector<ParameterGroup> groups, std::vector<std::string> state_kinds,
                 Steps steps);

  /// Calls the kernel. On a device it may change anything in an update that is to be skipped: that
  /// is undone.
  virtual void apply(Bucket& bucket, const ParameterGroup& group) = 0;

  /// Whether `apply` heeds `bucket.found_inf`, so that nothing is to be undone.
  virtual bool kernel_heeds_found_inf() const { return false; }

  /// Whether parameters have state to save before their first update, as in PyTorch's Adagrad.
  virtual bool saves_initial_state() const { return false; }

  /// A parameter's state before its first update; undefined when it has none of this kind.
  virtual at::Tensor initial_state(size_t kind, const at::Tensor& parameter) const;

 private:
  struct Member {
    size_t group;
    NamedParameter parameter;
    std::vector<at::Tensor> state;
    int64_t updates = 0;
  };

  /// Throws a c10::Error that names the parameter when a gradient is sparse or of another shape.
  void update_parameters() final;
  bool heeds_found_inf() const final { return true; }

  /// The groups' parameters, each with no state. Throws on what cannot be updated.
  static std::vector<Member> members_of(const std::vector<ParameterGroup>& groups);
  /// Brings the members' counts of updates up to date.
  void count_updates();

  /// Fills the buckets' gradients. False when the buckets no longer fit the parameters.
  bool gather();
  bool gather(Bucket& bucket);
  /// Puts the members into buckets by what they are now.
  void regroup();
  void fit_state(Member& member);
  /// Whether a bucket cannot skip an update by itself.
  bool must_ask_host() const;
  void update_on_cpu(Bucket& bucket);
  void update_on_device(Bucket& bucket);
  void count_update(Bucket& bucket);
  static int64_t updates_of(const Bucket& bucket);

  std::vector<ParameterGroup> groups_;
  const std::vector<std::string> state_kinds_;
  const Steps steps_;
  std::vector<Member> members_;
  std::vector<Bucket> buckets_;
  bool stale_ = true;
  bool cpu_is_device_ = false;
};

/// Makes an `Item`, a FusedOptimizer, when the parameters are known: grouped by `grouping`, the
/// others with the options' learning rate and weight decay.
template <typename Item, typename Options>
OptimizerFactory grouped_factory(Options options, Grouping grouping) {
  return [options, grouping = std::move(grouping)](
             std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
    COMPOSER_ASSIGN_OR_RETURN(
        std::vector<ParameterGroup> groups,
        group_by_name(std::move(parameters), grouping, options.lr, options.weight_decay));
    return try_make<Item>(std::move(groups), options);
  };
}

}  // namespace composer
