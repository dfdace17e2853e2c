#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/optimizer.h"
#include "composer/core/state_dict.h"

namespace composer {

/// The state of `optimizer` as the `state_dict()` of its torch.optim counterpart has it:
///
///   state.0.exp_avg, state.0.step, ...       a parameter's tensors; `step` is a scalar of float32
///   param_groups.0.params                    the numbers of the group's parameters, int64
///   param_groups.0.lr, .initial_lr, .weight_decay
///
/// Parameters are numbered through the groups in their order; one that was never updated has an
/// entry only in Adagrad's state, as in PyTorch. Tensors are shared with the optimizer.
/// Unimplemented for an optimizer that keeps state of another kind, such as LBFGS.
absl::StatusOr<StateDict> to_pytorch_layout(Optimizer& optimizer);

/// A state in PyTorch's layout as `optimizer.load_state_dict` takes it. The groups must be those of
/// `optimizer`: as many, with as many parameters each.
absl::StatusOr<StateDict> from_pytorch_layout(const StateDict& pytorch, Optimizer& optimizer);

}  // namespace composer
