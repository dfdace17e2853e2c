#include "algorithms/weight_average.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

at::ScalarType average_type(const at::Tensor& tensor) {
  const bool rounds_away = tensor.is_floating_point() && tensor.element_size() < 4;
  return rounds_away ? at::kFloat : tensor.scalar_type();
}

StateDict named(const std::vector<std::string>& names, const std::vector<at::Tensor>& tensors) {
  StateDict state;
  for (size_t i = 0; i < names.size(); ++i) state.set(names[i], tensors[i]);
  return state;
}

void copy_all(at::TensorList to, at::TensorList from) {
  for (size_t i = 0; i < to.size(); ++i) to[i].copy_(from[i]);
}

}  // namespace

void lerp_weights(at::TensorList averages, at::TensorList weights, double weight) {
  TORCH_CHECK_VALUE(averages.size() == weights.size(), "expected as many averages as weights, got ",
                    averages.size(), " and ", weights.size());
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> from, towards;
  from.reserve(averages.size());
  towards.reserve(averages.size());
  for (size_t i = 0; i < averages.size(); ++i) {
    if (!averages[i].is_floating_point()) {
      averages[i].copy_(weights[i]);
      continue;
    }
    from.push_back(averages[i]);
    towards.push_back(weights[i].scalar_type() == averages[i].scalar_type()
                          ? weights[i]
                          : weights[i].to(averages[i].scalar_type()));
  }
  if (!from.empty()) at::_foreach_lerp_(from, towards, weight);
}

void WeightAverage::start(const torch::nn::Module& model) {
  const at::NoGradGuard no_grad;
  names_.clear();
  averages_.clear();
  trained_.clear();
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    names_.push_back(name);
    averages_.push_back(tensor.to(average_type(tensor), /*non_blocking=*/false, /*copy=*/true));
  };
  for (const auto& parameter : model.named_parameters()) add(parameter.key(), parameter.value());
  for (const auto& buffer : model.named_buffers()) add(buffer.key(), buffer.value());
  forget_model();
}

void WeightAverage::look_up(const torch::nn::Module& model) {
  if (!model_.empty()) return;
  std::map<std::string, at::Tensor> loaded, loaded_trained;
  for (size_t i = 0; i < names_.size(); ++i) {
    loaded.emplace(names_[i], averages_[i]);
    if (is_in_model()) loaded_trained.emplace(names_[i], trained_[i]);
  }
  std::vector<std::string> names;
  std::vector<at::Tensor> averages, trained, tensors;
  const auto add = [&](const std::string& name, const at::Tensor& tensor) {
    const auto position = loaded.find(name);
    TORCH_CHECK_VALUE(position != loaded.end(), "the average that was loaded has no \"", name,
                      "\", the model has");
    TORCH_CHECK_VALUE(position->second.sizes() == tensor.sizes(), "the average of \"", name,
                      "\" that was loaded has shape ", position->second.sizes(),
                      ", the model's is ", tensor.sizes());
    names.push_back(name);
    averages.push_back(position->second.to(tensor.device(), average_type(tensor)));
    if (is_in_model()) trained.push_back(loaded_trained.at(name).to(tensor.options()));
    tensors.push_back(tensor);
  };
  for (const auto& parameter : model.named_parameters()) add(parameter.key(), parameter.value());
  num_parameters_ = tensors.size();
  for (const auto& buffer : model.named_buffers()) add(buffer.key(), buffer.value());
  TORCH_CHECK_VALUE(names.size() == loaded.size(), "the average that was loaded is of ",
                    loaded.size(), " tensors, the model has ", names.size());
  names_ = std::move(names);
  averages_ = std::move(averages);
  trained_ = std::move(trained);
  model_ = std::move(tensors);
}

void WeightAverage::update(const torch::nn::Module& model, double weight,
                           const at::Tensor& failed) {
  look_up(model);
  const at::NoGradGuard no_grad;
  const bool may_have_failed = failed.defined() && !failed.is_cpu();
  if (buffers_ == Buffers::kAveraged && !may_have_failed) {
    return lerp_weights(averages_, model_, weight);
  }
  const at::TensorList averages(averages_), weights(model_);
  lerp_weights(averages.slice(0, num_parameters_), weights.slice(0, num_parameters_), weight);
  std::vector<at::Tensor> buffers = weights.slice(num_parameters_).vec();
  if (may_have_failed) {
    const at::Tensor counts = failed.logical_not();
    for (size_t i = 0; i < buffers.size(); ++i) {
      buffers[i] = at::where(counts, buffers[i], averages[num_parameters_ + i]);
    }
  }
  lerp_weights(averages.slice(num_parameters_), buffers,
               buffers_ == Buffers::kAveraged ? weight : 1.0);
}

void WeightAverage::swap_in(const torch::nn::Module& model) {
  look_up(model);
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> trained;
  for (const at::Tensor& tensor : model_) trained.push_back(tensor.detach().clone());
  copy_all(model_, averages_);
  trained_ = std::move(trained);
}

void WeightAverage::swap_out(const torch::nn::Module& model) {
  look_up(model);
  const at::NoGradGuard no_grad;
  copy_all(model_, trained_);
  trained_.clear();
}

void WeightAverage::copy_to(const torch::nn::Module& model) {
  look_up(model);
  const at::NoGradGuard no_grad;
  copy_all(model_, averages_);
}

StateDict WeightAverage::state_dict() const {
  StateDict state;
  state.set("average", named(names_, averages_));
  state.set("trained", is_in_model() ? named(names_, trained_) : StateDict());
  return state;
}

absl::Status WeightAverage::load_state_dict(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* average, state.child("average"));
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* trained, state.child("trained"));
  std::vector<std::string> names;
  std::vector<at::Tensor> averages, trained_tensors;
  for (const auto& [name, tensor] : average->tensors()) {
    names.push_back(name);
    averages.push_back(tensor.clone());
    if (trained->empty()) continue;
    COMPOSER_ASSIGN_OR_RETURN(const at::Tensor weights, trained->tensor(name));
    trained_tensors.push_back(weights.clone());
  }
  names_ = std::move(names);
  averages_ = std::move(averages);
  trained_ = std::move(trained_tensors);
  forget_model();
  return absl::OkStatus();
}

}  // namespace composer
