#include "composer/optim/fused_optimizer.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/full.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <sstream>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/optim/parameter_groups.h"

namespace composer {
namespace {

// Strides of dimensions of size 1 say nothing about the memory order.
bool same_strides(const at::Tensor& a, const at::Tensor& b) {
  if (a.strides() == b.strides()) return true;
  for (int64_t i = 0; i < a.dim(); ++i) {
    if (a.size(i) > 1 && a.stride(i) != b.stride(i)) return false;
  }
  return true;
}

bool interchangeable(const at::Tensor& a, const at::Tensor& b) {
  return a.layout() == b.layout() && a.dtype() == b.dtype() && a.device() == b.device() &&
         a.sizes() == b.sizes() && same_strides(a, b);
}

// `tensor` in the layout, dtype and device of `parameter`.
at::Tensor laid_out_as(const at::Tensor& parameter, const at::Tensor& tensor) {
  return at::empty_like(parameter).copy_(tensor);
}

// State of another shape than its parameter's has a layout of its own.
bool fits(const at::Tensor& parameter, const at::Tensor& state) {
  if (!state.defined()) return true;
  if (state.sizes() == parameter.sizes()) return interchangeable(parameter, state);
  return state.dtype() == parameter.dtype() && state.device() == parameter.device();
}

at::Tensor fitted(const at::Tensor& parameter, const at::Tensor& state) {
  if (fits(parameter, state)) return state;
  return state.sizes() == parameter.sizes() ? laid_out_as(parameter, state)
                                            : state.to(parameter.options());
}

at::Tensor fitting_gradient(const NamedParameter& parameter, const at::Tensor& gradient) {
  TORCH_CHECK_NOT_IMPLEMENTED(gradient.layout() == at::kStrided, "the gradient of \"",
                              parameter.name, "\" is ", gradient.layout(),
                              "; the fused optimizers need dense gradients");
  TORCH_CHECK_VALUE(gradient.sizes() == parameter.tensor.sizes(), "the gradient of \"",
                    parameter.name, "\" has shape ", gradient.sizes(), ", the parameter ",
                    parameter.tensor.sizes());
  return laid_out_as(parameter.tensor, gradient);
}

void check_dense(const NamedParameter& parameter) {
  TORCH_CHECK_VALUE(parameter.tensor.layout() == at::kStrided &&
                        parameter.tensor.is_non_overlapping_and_dense() &&
                        parameter.tensor.is_floating_point(),
                    "parameter \"", parameter.name, "\" (", parameter.tensor.dtype(), ", shape ",
                    parameter.tensor.sizes(), ", strides ", parameter.tensor.strides(),
                    ") cannot be optimized: it must be of floating point and fill its memory "
                    "without gaps or overlap; store a clone() of the view instead");
}

std::string shape(const at::Tensor& tensor) {
  std::ostringstream out;
  out << tensor.sizes();
  return out.str();
}

}  // namespace

FusedOptimizer::FusedOptimizer(std::vector<ParameterGroup> groups,
                               std::vector<std::string> state_kinds, Steps steps)
    : groups_(std::move(groups)), state_kinds_(std::move(state_kinds)), steps_(steps) {
  members_ = members_of(groups_);
  for (ParameterGroup& group : groups_) group.initial_lr = group.lr;
}

std::vector<FusedOptimizer::Member> FusedOptimizer::members_of(
    const std::vector<ParameterGroup>& groups) {
  std::vector<Member> members;
  std::unordered_set<const void*> tensors;
  std::unordered_set<std::string> names;
  for (size_t i = 0; i < groups.size(); ++i) {
    TORCH_CHECK_VALUE(groups[i].lr >= 0 && groups[i].weight_decay >= 0, "group ", i,
                      " has learning rate ", groups[i].lr, " and weight decay ",
                      groups[i].weight_decay, "; neither may be negative");
    for (const NamedParameter& parameter : groups[i].parameters) {
      TORCH_CHECK_VALUE(parameter.tensor.defined(), "parameter \"", parameter.name,
                        "\" is undefined");
      TORCH_CHECK_VALUE(tensors.insert(parameter.tensor.unsafeGetTensorImpl()).second,
                        "parameter \"", parameter.name, "\" is given to the optimizer twice");
      TORCH_CHECK_VALUE(names.insert(parameter.name).second, "two parameters are called \"",
                        parameter.name, "\"");
      check_dense(parameter);
      members.push_back({i, parameter, {}, 0});
    }
  }
  return members;
}

void FusedOptimizer::set_groups(std::vector<ParameterGroup> groups) {
  TORCH_CHECK_VALUE(groups.size() == groups_.size(), "an optimizer of ", groups_.size(),
                    " groups cannot take ", groups.size());
  std::vector<Member> members = members_of(groups);
  count_updates();
  std::unordered_map<const void*, Member*> known;
  for (Member& member : members_) {
    known[member.parameter.tensor.unsafeGetTensorImpl()] = &member;
  }
  for (Member& member : members) {
    const auto before = known.find(member.parameter.tensor.unsafeGetTensorImpl());
    if (before == known.end()) continue;
    member.state = std::move(before->second->state);
    member.updates = before->second->updates;
  }
  groups_ = std::move(groups);
  members_ = std::move(members);
  buckets_.clear();
  stale_ = true;
}

void FusedOptimizer::count_updates() {
  for (const Bucket& bucket : buckets_) {
    const int64_t updates = updates_of(bucket);
    for (const size_t member : bucket.members) members_[member].updates = updates;
  }
}

at::Tensor FusedOptimizer::initial_state(size_t kind, const at::Tensor& parameter) const {
  return at::zeros_like(parameter);
}

void FusedOptimizer::treat_cpu_as_device() {
  cpu_is_device_ = true;
  stale_ = true;
}

void FusedOptimizer::update_parameters() {
  const c10::NoGradGuard no_grad;
  if (stale_ || !gather()) {
    regroup();
    gather();
  }
  const bool skip = found_inf().defined() && must_ask_host() && found_inf_on_host();
  for (Bucket& bucket : buckets_) {
    if (!bucket.active) continue;
    if (!skip) {
      bucket.on_device ? update_on_device(bucket) : update_on_cpu(bucket);
      count_update(bucket);
    }
    // Not kept until the next step: its forward and backward need the memory.
    bucket.gradients.clear();
  }
}

bool FusedOptimizer::must_ask_host() const {
  return std::any_of(buckets_.begin(), buckets_.end(), [&](const Bucket& bucket) {
    // What follows a first update is another computation, chosen by the host.
    const bool first = steps_ == Steps::kFirst && bucket.updates == 0;
    return bucket.active && (!bucket.on_device || first);
  });
}

void FusedOptimizer::update_on_cpu(Bucket& bucket) {
  if (!bucket.steps.empty()) {
    *bucket.steps[0].mutable_data_ptr<float>() = static_cast<float>(bucket.updates + 1);
  }
  apply(bucket, groups_[bucket.group]);
}

void FusedOptimizer::update_on_device(Bucket& bucket) {
  const ParameterGroup& group = groups_[bucket.group];
  if (bucket.lr_in_tensor != group.lr) {
    bucket.lr.fill_(group.lr);
    bucket.lr_in_tensor = group.lr;
  }
  if (!bucket.steps.empty()) bucket.steps[0].add_(1);
  bucket.found_inf.reset();
  if (!found_inf().defined()) {
    apply(bucket, group);
    return;
  }
  bucket.found_inf = found_inf().to(bucket.lr.device(), /*non_blocking=*/true);
  std::vector<at::Tensor> changed, before;
  if (!kernel_heeds_found_inf()) {
    changed = bucket.parameters;
    for (const std::vector<at::Tensor>& kind : bucket.state) {
      std::copy_if(kind.begin(), kind.end(), std::back_inserter(changed),
                   [](const at::Tensor& state) { return state.defined(); });
    }
    for (const at::Tensor& tensor : changed) before.push_back(tensor.clone());
  }
  apply(bucket, group);
  const at::Tensor skip = bucket.found_inf->to(at::kBool);
  for (size_t i = 0; i < changed.size(); ++i) {
    changed[i].copy_(at::where(skip, before[i], changed[i]));
  }
  if (!bucket.steps.empty()) {
    bucket.steps[0].sub_(*bucket.found_inf);
    bucket.may_have_skipped = true;
  }
}

// Waits for the device where it alone knows.
int64_t FusedOptimizer::updates_of(const Bucket& bucket) {
  if (!bucket.may_have_skipped) return bucket.updates;
  return static_cast<int64_t>(bucket.steps[0].item<float>());
}

bool FusedOptimizer::gather() {
  for (Bucket& bucket : buckets_) {
    if (!gather(bucket)) return false;
  }
  return true;
}

bool FusedOptimizer::gather(Bucket& bucket) {
  bucket.gradients.clear();
  for (size_t i = 0; i < bucket.parameters.size(); ++i) {
    const at::Tensor& parameter = bucket.parameters[i];
    const at::Tensor& gradient = parameter.grad();
    if (gradient.defined() != bucket.active) return false;
    if (!bucket.active) continue;
    if (!fits(parameter, bucket.layouts[i])) return false;
    bucket.gradients.push_back(
        interchangeable(parameter, gradient)
            ? gradient
            : fitting_gradient(members_[bucket.members[i]].parameter, gradient));
  }
  return true;
}

void FusedOptimizer::regroup() {
  stale_ = true;
  count_updates();
  buckets_.clear();
  using Key = std::tuple<size_t, std::string, at::ScalarType, int64_t, bool>;
  std::map<Key, size_t> positions;
  for (size_t i = 0; i < members_.size(); ++i) {
    Member& member = members_[i];
    const at::Tensor& parameter = member.parameter.tensor;
    const bool active = parameter.grad().defined();
    const Key key(member.group, parameter.device().str(), parameter.scalar_type(), member.updates,
                  active);
    const auto [position, added] = positions.try_emplace(key, buckets_.size());
    if (added) {
      Bucket& bucket = buckets_.emplace_back();
      bucket.group = member.group;
      bucket.updates = member.updates;
      bucket.active = active;
      bucket.on_device = cpu_is_device_ || !parameter.is_cpu();
      if (active) bucket.state.resize(state_kinds_.size());
    }
    Bucket& bucket = buckets_[position->second];
    bucket.parameters.push_back(parameter);
    bucket.members.push_back(i);
    if (!active) continue;
    fit_state(member);
    for (size_t kind = 0; kind < state_kinds_.size(); ++kind) {
      bucket.state[kind].push_back(member.state[kind]);
    }
    const auto layout = std::find_if(member.state.begin(), member.state.end(),
                                     [](const at::Tensor& state) { return state.defined(); });
    bucket.layouts.push_back(layout == member.state.end() ? at::Tensor() : *layout);
  }
  for (Bucket& bucket : buckets_) {
    if (!bucket.active) continue;
    const at::TensorOptions options =
        bucket.parameters[0].options().dtype(at::kFloat).requires_grad(false);
    if (bucket.on_device) bucket.lr = at::zeros({}, options);
    if (steps_ != Steps::kCounted) continue;
    const at::Tensor step = at::full({}, static_cast<double>(bucket.updates), options);
    bucket.steps.assign(bucket.parameters.size(), step);
  }
  stale_ = false;
}

void FusedOptimizer::fit_state(Member& member) {
  const at::Tensor& parameter = member.parameter.tensor;
  check_dense(member.parameter);
  if (member.state.empty()) {
    for (size_t kind = 0; kind < state_kinds_.size(); ++kind) {
      member.state.push_back(initial_state(kind, parameter));
    }
  }
  for (at::Tensor& state : member.state) state = fitted(parameter, state);
}

void FusedOptimizer::count_update(Bucket& bucket) {
  if (steps_ == Steps::kCounted) {
    ++bucket.updates;
  } else if (bucket.updates == 0) {
    bucket.updates = 1;
    // Parameters that began late now join the others.
    stale_ = buckets_.size() > 1;
  }
}

StateDict FusedOptimizer::state_dict() const {
  StateDict state;
  std::vector<int64_t> updates(members_.size());
  for (size_t i = 0; i < members_.size(); ++i) updates[i] = members_[i].updates;
  for (const Bucket& bucket : buckets_) {
    const int64_t count = updates_of(bucket);
    for (const size_t member : bucket.members) updates[member] = count;
  }
  if (!state_kinds_.empty()) {
    StateDict steps;
    for (size_t i = 0; i < members_.size(); ++i) steps.set(members_[i].parameter.name, updates[i]);
    state.set("step", std::move(steps));
  }
  for (size_t kind = 0; kind < state_kinds_.size(); ++kind) {
    StateDict tensors;
    for (size_t i = 0; i < members_.size(); ++i) {
      const auto& [name, parameter] = members_[i].parameter;
      if (updates[i] == 0 && !saves_initial_state()) continue;
      const at::Tensor tensor =
          members_[i].state.empty() ? initial_state(kind, parameter) : members_[i].state[kind];
      if (tensor.defined()) tensors.set(name, tensor);
    }
    state.set(state_kinds_[kind], std::move(tensors));
  }
  state.set("groups", learning_rates(groups_));
  return state;
}

absl::Status FusedOptimizer::load_state_dict(const StateDict& state) {
  const c10::NoGradGuard no_grad;
  std::vector<Member> members = members_;
  if (!state_kinds_.empty()) {
    COMPOSER_ASSIGN_OR_RETURN(const StateDict* steps, state.child("step"));
    if (steps->integers().size() > members.size()) {
      for (const auto& [name, step] : steps->integers()) {
        const bool known = std::any_of(members.begin(), members.end(), [&](const Member& member) {
          return member.parameter.name == name;
        });
        if (known) continue;
        return absl::InvalidArgumentError(
            absl::StrCat("the state has \"", name, "\", which is no parameter of this optimizer"));
      }
    }
    for (Member& member : members) {
      const std::string& name = member.parameter.name;
      COMPOSER_ASSIGN_OR_RETURN(member.updates, steps->integer(name));
      member.state.clear();
      if (member.updates == 0 && !saves_initial_state()) continue;
      for (size_t kind = 0; kind < state_kinds_.size(); ++kind) {
        at::Tensor& target =
            member.state.emplace_back(initial_state(kind, member.parameter.tensor));
        if (!target.defined()) continue;
        COMPOSER_ASSIGN_OR_RETURN(const StateDict* tensors, state.child(state_kinds_[kind]));
        COMPOSER_ASSIGN_OR_RETURN(const at::Tensor tensor, tensors->tensor(name));
        if (tensor.sizes() != target.sizes()) {
          return absl::InvalidArgumentError(
              absl::StrCat("the state's ", state_kinds_[kind], " of \"", name, "\" has shape ",
                           shape(tensor), ", this optimizer's ", shape(target)));
        }
        target.copy_(tensor);
      }
    }
  }
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* groups, state.child("groups"));
  COMPOSER_RETURN_IF_ERROR(load_learning_rates(*groups, groups_));
  members_ = std::move(members);
  buckets_.clear();
  stale_ = true;
  return absl::OkStatus();
}

}  // namespace composer
