#include "composer/optim/pytorch_layout.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

// SGD's momentum needs no count of the updates, and PyTorch keeps none.
bool counts_updates(const std::set<std::string>& kinds) {
  return kinds != std::set<std::string>{"momentum_buffer"};
}

absl::StatusOr<StateDict> with_tensors(const StateDict& ours, const std::string& name,
                                       const std::set<std::string>& kinds, int64_t updates) {
  StateDict entry;
  for (const std::string& kind : kinds) {
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* tensors, ours.child(kind));
    const auto tensor = tensors->tensors().find(name);
    if (tensor != tensors->tensors().end()) entry.set(kind, tensor->second);
  }
  if (!entry.empty() && counts_updates(kinds)) {
    entry.set("step", at::scalar_tensor(static_cast<double>(updates)));
  }
  return entry;
}

// The number of parameters in a group, and that they are the next ones.
absl::Status check_params(const StateDict& group, int64_t index, int64_t first, int64_t count) {
  COMPOSER_ASSIGN_OR_RETURN(const at::Tensor params, group.tensor("params"));
  if (params.scalar_type() != at::kLong || params.numel() != count) {
    return absl::InvalidArgumentError(absl::StrCat("group ", index, " has ", params.numel(),
                                                   " parameters, the optimizer's has ", count));
  }
  const at::Tensor numbers = params.contiguous();
  for (int64_t i = 0; i < count; ++i) {
    const int64_t number = numbers.const_data_ptr<int64_t>()[i];
    if (number == first + i) continue;
    return absl::InvalidArgumentError(absl::StrCat("parameter ", i, " of group ", index, " is ",
                                                   number, "; PyTorch counts them, and this is ",
                                                   first + i));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StateDict> to_pytorch_layout(Optimizer& optimizer) {
  const StateDict ours = optimizer.state_dict();
  std::set<std::string> kinds;
  for (const auto& [kind, tensors] : ours.children()) {
    if (kind != "step" && kind != "groups") kinds.insert(kind);
  }
  const auto steps = ours.child("step");
  if (!kinds.empty() && !steps.ok()) {
    return absl::UnimplementedError(
        "this optimizer's state has no form in PyTorch's layout; the states of those that name "
        "their tensors by parameter do");
  }
  StateDict state, param_groups;
  int64_t number = 0;
  const std::vector<ParameterGroup>& groups = optimizer.groups();
  for (size_t i = 0; i < groups.size(); ++i) {
    std::vector<int64_t> params;
    for (const NamedParameter& parameter : groups[i].parameters) {
      params.push_back(number++);
      if (kinds.empty()) continue;
      COMPOSER_ASSIGN_OR_RETURN(const int64_t updates, (*steps)->integer(parameter.name));
      COMPOSER_ASSIGN_OR_RETURN(StateDict entry,
                                with_tensors(ours, parameter.name, kinds, updates));
      if (!entry.empty()) state.set(absl::StrCat(params.back()), std::move(entry));
    }
    StateDict group;
    group.set("params", at::tensor(params, at::kLong));
    group.set("lr", groups[i].lr);
    group.set("initial_lr", groups[i].initial_lr);
    group.set("weight_decay", groups[i].weight_decay);
    param_groups.set(absl::StrCat(i), std::move(group));
  }
  StateDict result;
  result.set("state", std::move(state));
  result.set("param_groups", std::move(param_groups));
  return result;
}

absl::StatusOr<StateDict> from_pytorch_layout(const StateDict& pytorch, Optimizer& optimizer) {
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* state, pytorch.child("state"));
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* param_groups, pytorch.child("param_groups"));
  const std::vector<ParameterGroup>& groups = optimizer.groups();
  if (param_groups->children().size() != groups.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the state has ",
                                                   param_groups->children().size(),
                                                   " groups, the optimizer ", groups.size()));
  }
  std::map<std::string, StateDict> kinds;
  StateDict steps, rates;
  int64_t number = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* group, param_groups->child(absl::StrCat(i)));
    COMPOSER_RETURN_IF_ERROR(check_params(*group, static_cast<int64_t>(i), number,
                                          static_cast<int64_t>(groups[i].parameters.size())));
    COMPOSER_ASSIGN_OR_RETURN(const double lr, group->number("lr"));
    StateDict rate;
    rate.set("lr", lr);
    // Without a schedule PyTorch has none.
    rate.set("initial_lr", group->number("initial_lr").value_or(groups[i].initial_lr));
    rates.set(absl::StrCat(i), std::move(rate));
    for (const NamedParameter& parameter : groups[i].parameters) {
      const auto entry = state->children().find(absl::StrCat(number++));
      const bool updated = entry != state->children().end() && !entry->second.empty();
      int64_t updates = updated ? 1 : 0;
      for (const auto& [kind, tensor] :
           updated ? entry->second.tensors() : std::map<std::string, at::Tensor>()) {
        if (kind == "step") {
          updates = static_cast<int64_t>(tensor.item<double>());
        } else {
          kinds[kind].set(parameter.name, tensor);
        }
      }
      steps.set(parameter.name, updates);
    }
  }
  StateDict result;
  result.set("step", std::move(steps));
  for (auto& [kind, tensors] : kinds) result.set(kind, std::move(tensors));
  result.set("groups", std::move(rates));
  return result;
}

}  // namespace composer
