#include "composer/core/snapshot.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/stateful_list.h"

namespace composer {
namespace {

constexpr int64_t Timestamp::*kCounters[] = {
    &Timestamp::iteration,
    &Timestamp::epoch,
    &Timestamp::batch,
    &Timestamp::sample,
    &Timestamp::token,
    &Timestamp::epoch_in_iteration,
    &Timestamp::token_in_iteration,
    &Timestamp::batch_in_epoch,
    &Timestamp::sample_in_epoch,
    &Timestamp::token_in_epoch,
};
constexpr const char* kCounterNames[] = {
    "iteration",
    "epoch",
    "batch",
    "sample",
    "token",
    "epoch_in_iteration",
    "token_in_iteration",
    "batch_in_epoch",
    "sample_in_epoch",
    "token_in_epoch",
};
constexpr absl::Duration Timestamp::*kClocks[] = {&Timestamp::total_wct, &Timestamp::iteration_wct,
                                                  &Timestamp::epoch_wct, &Timestamp::batch_wct};
constexpr const char* kClockNames[] = {"total_wct", "iteration_wct", "epoch_wct", "batch_wct"};

StateDict model_state(const ComposerModel& model) {
  StateDict state;
  for (const auto& parameter : model.named_parameters()) {
    state.set(parameter.key(), parameter.value());
  }
  for (const auto& buffer : model.named_buffers()) state.set(buffer.key(), buffer.value());
  return state;
}

absl::Status load_model(ComposerModel& model, const StateDict& state) {
  at::NoGradGuard no_grad;
  const auto load = [&](const std::string& name, at::Tensor target) -> absl::Status {
    COMPOSER_ASSIGN_OR_RETURN(const at::Tensor source, state.tensor(name));
    if (source.sizes() != target.sizes()) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", name, "\" has another shape in the snapshot than in the model"));
    }
    target.copy_(source);
    return absl::OkStatus();
  };
  for (auto& parameter : model.named_parameters()) {
    COMPOSER_RETURN_IF_ERROR(load(parameter.key(), parameter.value()));
  }
  for (auto& buffer : model.named_buffers()) {
    COMPOSER_RETURN_IF_ERROR(load(buffer.key(), buffer.value()));
  }
  return absl::OkStatus();
}

StateDict skipped_state(const State::Skipped& skipped) {
  StateDict state;
  state.set("batches", skipped.batches);
  state.set("samples", skipped.samples);
  state.set("tokens", skipped.tokens);
  return state;
}

absl::Status load_skipped(State::Skipped& skipped, const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(skipped.batches, state.integer("batches"));
  COMPOSER_ASSIGN_OR_RETURN(skipped.samples, state.integer("samples"));
  COMPOSER_ASSIGN_OR_RETURN(skipped.tokens, state.integer("tokens"));
  return absl::OkStatus();
}

at::Tensor generator_state(at::Generator generator) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(at::Generator generator, const at::Tensor& state) {
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

}  // namespace

StateDict to_state_dict(const Timestamp& timestamp) {
  StateDict state;
  for (size_t i = 0; i < std::size(kCounters); ++i) {
    state.set(kCounterNames[i], timestamp.*kCounters[i]);
  }
  for (size_t i = 0; i < std::size(kClocks); ++i) {
    state.set(kClockNames[i], absl::ToInt64Nanoseconds(timestamp.*kClocks[i]));
  }
  return state;
}

absl::StatusOr<Timestamp> timestamp_from(const StateDict& state) {
  Timestamp timestamp;
  for (size_t i = 0; i < std::size(kCounters); ++i) {
    COMPOSER_ASSIGN_OR_RETURN(timestamp.*kCounters[i], state.integer(kCounterNames[i]));
  }
  for (size_t i = 0; i < std::size(kClocks); ++i) {
    COMPOSER_ASSIGN_OR_RETURN(const int64_t nanoseconds, state.integer(kClockNames[i]));
    timestamp.*kClocks[i] = absl::Nanoseconds(nanoseconds);
  }
  return timestamp;
}

StateDict live_snapshot(const State& state) {
  StateDict result;
  result.set("model", model_state(*state.model));
  result.set("optimizers", states_of(state.optimizers));
  result.set("schedulers", states_of(state.schedulers));
  result.set("algorithms", states_of(state.algorithms));
  result.set("callbacks", states_of(state.callbacks));
  result.set("grad_scaler", state.grad_scaler->state_dict());
  result.set("train_metrics", state.train_metrics.state_dict());
  result.set("skipped", skipped_state(state.skipped));
  result.set("timestamp", to_state_dict(state.timestamp));
  result.set("device_train_microbatch_size", state.device_train_microbatch_size);
  if (state.train_dataloader != nullptr) {
    result.set("train_loader", state.train_dataloader->state_dict());
  }
  StateDict generators;
  generators.set("cpu", generator_state(at::detail::getDefaultCPUGenerator()));
  if (state.device.is_cuda()) {
    generators.set("cuda", generator_state(at::globalContext().defaultGenerator(state.device)));
  }
  result.set("generators", std::move(generators));
  return result;
}

StateDict snapshot(const State& state) { return live_snapshot(state).cloned(); }

absl::Status restore(State& state, const StateDict& snapshot) {
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* model, snapshot.child("model"));
  COMPOSER_RETURN_IF_ERROR(load_model(*state.model, *model));
  COMPOSER_RETURN_IF_ERROR(load_states(snapshot, "optimizers", state.optimizers));
  COMPOSER_RETURN_IF_ERROR(load_states(snapshot, "schedulers", state.schedulers));
  COMPOSER_RETURN_IF_ERROR(load_states(snapshot, "algorithms", state.algorithms));
  COMPOSER_RETURN_IF_ERROR(load_states(snapshot, "callbacks", state.callbacks));
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* scaler, snapshot.child("grad_scaler"));
  COMPOSER_RETURN_IF_ERROR(annotate("grad_scaler", state.grad_scaler->load_state_dict(*scaler)));
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* skipped, snapshot.child("skipped"));
  COMPOSER_RETURN_IF_ERROR(load_skipped(state.skipped, *skipped));
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* metrics, snapshot.child("train_metrics"));
  COMPOSER_RETURN_IF_ERROR(state.train_metrics.load_state_dict(*metrics));
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* timestamp, snapshot.child("timestamp"));
  COMPOSER_ASSIGN_OR_RETURN(state.timestamp, timestamp_from(*timestamp));
  if (state.auto_microbatch_size) {
    COMPOSER_ASSIGN_OR_RETURN(state.device_train_microbatch_size,
                              snapshot.integer("device_train_microbatch_size"));
  }
  if (const auto loader = snapshot.child("train_loader");
      loader.ok() && state.train_dataloader != nullptr) {
    COMPOSER_RETURN_IF_ERROR(
        annotate("train_loader", state.train_dataloader->load_state_dict(**loader)));
  }
  COMPOSER_ASSIGN_OR_RETURN(const StateDict* generators, snapshot.child("generators"));
  COMPOSER_ASSIGN_OR_RETURN(const at::Tensor cpu, generators->tensor("cpu"));
  set_generator_state(at::detail::getDefaultCPUGenerator(), cpu);
  if (state.device.is_cuda()) {
    COMPOSER_ASSIGN_OR_RETURN(const at::Tensor cuda, generators->tensor("cuda"));
    set_generator_state(at::globalContext().defaultGenerator(state.device), cuda);
  }
  return absl::OkStatus();
}

}  // namespace composer
