#include "composer/optim/torch_optimizer.h"

#include <torch/optim/adagrad.h>
#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/lbfgs.h>
#include <torch/optim/rmsprop.h>
#include <torch/optim/sgd.h>

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/base/type_name.h"

namespace composer {
namespace {

namespace optim = torch::optim;

// Calls `archive` with each field of a parameter's state and its name.
template <typename Archive>
void visit(Archive& archive, optim::SGDParamState& state) {
  archive("momentum_buffer", state.momentum_buffer());
}

template <typename Archive>
void visit(Archive& archive, optim::AdamParamState& state) {
  archive("step", state.step());
  archive("exp_avg", state.exp_avg());
  archive("exp_avg_sq", state.exp_avg_sq());
  archive("max_exp_avg_sq", state.max_exp_avg_sq());
}

template <typename Archive>
void visit(Archive& archive, optim::AdamWParamState& state) {
  archive("step", state.step());
  archive("exp_avg", state.exp_avg());
  archive("exp_avg_sq", state.exp_avg_sq());
  archive("max_exp_avg_sq", state.max_exp_avg_sq());
}

template <typename Archive>
void visit(Archive& archive, optim::RMSpropParamState& state) {
  archive("step", state.step());
  archive("square_avg", state.square_avg());
  archive("momentum_buffer", state.momentum_buffer());
  archive("grad_avg", state.grad_avg());
}

template <typename Archive>
void visit(Archive& archive, optim::AdagradParamState& state) {
  archive("step", state.step());
  archive("sum", state.sum());
}

template <typename Archive>
void visit(Archive& archive, optim::LBFGSParamState& state) {
  archive("func_evals", state.func_evals());
  archive("n_iter", state.n_iter());
  archive("t", state.t());
  archive("prev_loss", state.prev_loss());
  archive("d", state.d());
  archive("H_diag", state.H_diag());
  archive("prev_flat_grad", state.prev_flat_grad());
  archive("old_dirs", state.old_dirs());
  archive("old_stps", state.old_stps());
  archive("ro", state.ro());
  archive("al", state.al());
}

// Writes the fields of a parameter's state.
struct Writer {
  StateDict out;

  void operator()(absl::string_view name, int64_t& value) { out.set(name, value); }
  void operator()(absl::string_view name, double& value) { out.set(name, value); }
  void operator()(absl::string_view name, at::Tensor& value) {
    if (value.defined()) out.set(name, value);
  }
  template <typename List>
  void list(absl::string_view name, const List& values) {
    StateDict items;
    items.set("size", static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i].defined()) items.set(absl::StrCat(i), values[i]);
    }
    out.set(name, std::move(items));
  }
  void operator()(absl::string_view name, std::deque<at::Tensor>& values) { list(name, values); }
  void operator()(absl::string_view name, std::optional<std::vector<at::Tensor>>& values) {
    if (values.has_value()) list(name, *values);
  }
};

// Reads them back, into tensors of its own; the first failure stays in `status`.
struct Reader {
  const StateDict& in;
  absl::Status status;

  template <typename T>
  void take(absl::StatusOr<T> found, T& value) {
    if (found.ok()) {
      value = *std::move(found);
    } else if (status.ok()) {
      status = found.status();
    }
  }
  void operator()(absl::string_view name, int64_t& value) { take(in.integer(name), value); }
  void operator()(absl::string_view name, double& value) { take(in.number(name), value); }
  void operator()(absl::string_view name, at::Tensor& value) {
    const auto found = in.tensors().find(std::string(name));
    value = found == in.tensors().end() ? at::Tensor() : found->second.detach().clone();
  }
  template <typename List>
  void list(const StateDict& items, List& values) {
    int64_t size = 0;
    take(items.integer("size"), size);
    values.resize(size);
    for (int64_t i = 0; i < size; ++i) Reader{items, {}}(absl::StrCat(i), values[i]);
  }
  void operator()(absl::string_view name, std::deque<at::Tensor>& values) {
    const absl::StatusOr<const StateDict*> items = in.child(name);
    if (items.ok()) {
      list(**items, values);
    } else if (status.ok()) {
      status = items.status();
    }
  }
  void operator()(absl::string_view name, std::optional<std::vector<at::Tensor>>& values) {
    const auto items = in.children().find(std::string(name));
    if (items == in.children().end()) {
      values.reset();
    } else {
      list(items->second, values.emplace());
    }
  }
};

using ParamState = std::unique_ptr<optim::OptimizerParamState>;

// How the state of one kind of optimizer is written and read.
struct Kind {
  StateDict (*write)(optim::OptimizerParamState&);
  absl::StatusOr<ParamState> (*read)(const StateDict&);
};

template <typename State>
Kind kind() {
  return {[](optim::OptimizerParamState& state) {
            Writer writer;
            visit(writer, static_cast<State&>(state));
            return std::move(writer.out);
          },
          [](const StateDict& in) -> absl::StatusOr<ParamState> {
            auto state = std::make_unique<State>();
            Reader reader{in, {}};
            visit(reader, *state);
            COMPOSER_RETURN_IF_ERROR(reader.status);
            return ParamState(std::move(state));
          }};
}

std::optional<Kind> kind_of(const optim::Optimizer& optimizer) {
  if (dynamic_cast<const optim::SGD*>(&optimizer)) return kind<optim::SGDParamState>();
  if (dynamic_cast<const optim::Adam*>(&optimizer)) return kind<optim::AdamParamState>();
  if (dynamic_cast<const optim::AdamW*>(&optimizer)) return kind<optim::AdamWParamState>();
  if (dynamic_cast<const optim::RMSprop*>(&optimizer)) return kind<optim::RMSpropParamState>();
  if (dynamic_cast<const optim::Adagrad*>(&optimizer)) return kind<optim::AdagradParamState>();
  if (dynamic_cast<const optim::LBFGS*>(&optimizer)) return kind<optim::LBFGSParamState>();
  return {};
}

}  // namespace

TorchOptimizer::TorchOptimizer(std::unique_ptr<optim::Optimizer> optimizer,
                               const std::vector<NamedParameter>& parameters)
    : optimizer_(std::move(optimizer)),
      repeats_(dynamic_cast<const optim::LBFGS*>(optimizer_.get()) != nullptr) {
  std::unordered_map<const void*, std::string> names;
  for (const auto& [name, tensor] : parameters) names[tensor.unsafeGetTensorImpl()] = name;
  for (const optim::OptimizerParamGroup& theirs : optimizer_->param_groups()) {
    ParameterGroup& ours = groups_.emplace_back();
    ours.lr = ours.initial_lr = theirs.options().get_lr();
    for (const at::Tensor& tensor : theirs.params()) {
      const auto name = names.find(tensor.unsafeGetTensorImpl());
      TORCH_CHECK_VALUE(name != names.end(), "the optimizer has a parameter of shape ",
                        tensor.sizes(), " that is not among the named parameters");
      ours.parameters.push_back({name->second, tensor});
    }
  }
}

void TorchOptimizer::set_groups(std::vector<ParameterGroup> groups) {
  TORCH_CHECK_NOT_IMPLEMENTED(!repeats_, short_type_name(typeid(*optimizer_)),
                              " cannot take other parameters; its state is about all of them");
  TORCH_CHECK_VALUE(groups.size() == groups_.size(), "an optimizer of ", groups_.size(),
                    " groups cannot take ", groups.size());
  std::unordered_set<const void*> kept;
  for (const ParameterGroup& group : groups) {
    for (const auto& [name, tensor] : group.parameters) {
      TORCH_CHECK_VALUE(kept.insert(tensor.unsafeGetTensorImpl()).second, "parameter \"", name,
                        "\" is given to the optimizer twice");
    }
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    std::vector<at::Tensor>& theirs = optimizer_->param_groups()[i].params();
    for (const at::Tensor& tensor : theirs) {
      if (kept.count(tensor.unsafeGetTensorImpl()) == 0) {
        optimizer_->state().erase(tensor.unsafeGetTensorImpl());
      }
    }
    theirs.clear();
    for (const auto& [name, tensor] : groups[i].parameters) theirs.push_back(tensor);
  }
  groups_ = std::move(groups);
}

void TorchOptimizer::set_learning_rates() {
  for (size_t i = 0; i < groups_.size(); ++i) {
    optimizer_->param_groups()[i].options().set_lr(groups_[i].lr);
  }
}

at::Tensor TorchOptimizer::step(const LossClosure& closure) {
  if (!repeats_) return Optimizer::step(closure);
  set_learning_rates();

  // Thrown through torch's step, which knows no other way to end early.
  struct Skip {};
  const bool fresh = optimizer_->state().empty();
  std::optional<StateDict> state;
  std::vector<at::Tensor> parameters;
  at::Tensor loss;
  try {
    return optimizer_->step([&] {
      loss = evaluated(closure);
      if (!found_inf().defined()) return loss;
      if (found_inf_on_host()) throw Skip();
      if (state) return loss;
      // Torch changes nothing before the first evaluation is done, but for making an empty state.
      state = state_dict().cloned();
      for (const ParameterGroup& group : groups_) {
        for (const auto& [name, tensor] : group.parameters) {
          parameters.push_back(tensor.detach().clone());
        }
      }
      return loss;
    });
  } catch (const Skip&) {
  }
  if (!state) {
    if (fresh) optimizer_->state().clear();
    return loss;
  }
  const at::NoGradGuard no_grad;
  auto saved = parameters.begin();
  for (const ParameterGroup& group : groups_) {
    for (const auto& [name, tensor] : group.parameters) tensor.copy_(*saved++);
  }
  throw_if_error(load_state_dict(*state));
  return loss;
}

at::Tensor TorchOptimizer::evaluated(const LossClosure& closure) const {
  at::Tensor loss = closure();
  TORCH_CHECK_VALUE(loss.defined(), short_type_name(typeid(*optimizer_)),
                    " needs a loss, but the model updated itself and gave none");
  return loss;
}

void TorchOptimizer::update_parameters() {
  TORCH_CHECK_VALUE(!repeats_, short_type_name(typeid(*optimizer_)),
                    " evaluates the loss repeatedly: call step with a closure");
  set_learning_rates();
  optimizer_->step();
}

StateDict TorchOptimizer::state_dict() const {
  const std::optional<Kind> kind = kind_of(*optimizer_);
  TORCH_CHECK_NOT_IMPLEMENTED(kind || optimizer_->state().empty(), "the state of ",
                              short_type_name(typeid(*optimizer_)),
                              " cannot be saved; SGD's, Adam's, AdamW's, RMSprop's, Adagrad's and "
                              "LBFGS's can");
  StateDict parameters;
  for (const ParameterGroup& group : groups_) {
    for (const auto& [name, tensor] : group.parameters) {
      const auto state = optimizer_->state().find(tensor.unsafeGetTensorImpl());
      if (state != optimizer_->state().end()) parameters.set(name, kind->write(*state->second));
    }
  }
  StateDict result;
  result.set("type", short_type_name(typeid(*optimizer_)));
  result.set("parameters", std::move(parameters));
  result.set("groups", learning_rates(groups_));
  return result;
}

absl::Status TorchOptimizer::load_state_dict(const StateDict& state) {
  const std::string own_type = short_type_name(typeid(*optimizer_));
  COMPOSER_ASSIGN_OR_RETURN(const std::string type, state.string("type"));
  if (type != own_type) {
    return absl::InvalidArgumentError(
        absl::StrCat("the state is of ", type, ", this optimizer is ", own_type));
  }
  const std::optional<Kind> kind = kind_of(*optimizer_);
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* parameters, state.child("parameters"));
  if (!kind && !parameters->empty()) {
    return absl::UnimplementedError(absl::StrCat("the state of ", type, " cannot be loaded"));
  }
  std::map<std::string, at::Tensor> tensors;
  for (const ParameterGroup& group : groups_) {
    for (const auto& [name, tensor] : group.parameters) tensors[name] = tensor;
  }
  std::vector<std::pair<void*, ParamState>> loaded;
  for (const auto& [name, saved] : parameters->children()) {
    const auto parameter = tensors.find(name);
    if (parameter == tensors.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the state has \"", name, "\", which is no parameter of this optimizer"));
    }
    // LBFGS keeps vectors over all parameters; all others keep tensors of the parameter's shape.
    for (const auto& [field, tensor] : saved.tensors()) {
      if (repeats_ || tensor.sizes() == parameter->second.sizes()) continue;
      return absl::InvalidArgumentError(absl::StrCat("the state's ", field, " of \"", name,
                                                     "\" has another shape than the "
                                                     "parameter"));
    }
    absl::StatusOr<ParamState> read = kind->read(saved);
    if (!read.ok()) return annotate(name, read.status());
    loaded.emplace_back(parameter->second.unsafeGetTensorImpl(), *std::move(read));
  }
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* groups, state.child("groups"));
  COMPOSER_RETURN_IF_ERROR(load_learning_rates(*groups, groups_));
  optimizer_->state().clear();
  for (auto& [key, value] : loaded) optimizer_->state()[key] = std::move(value);
  return absl::OkStatus();
}

}  // namespace composer
