#include "composer/trainer/replay.h"

#include <ATen/ops/isfinite.h>
#include <ATen/ops/nonzero.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/anomaly_mode.h>

#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"

namespace composer {
namespace {

// Tells the trace which part of the step comes next.
class PhaseCallback final : public Callback {
 public:
  explicit PhaseCallback(ValueTrace* trace) : trace_(trace) {}

  void run_event(Event event, State& state, Logger& logger) override {
    switch (event) {
      case Event::kBeforeForward:
        return trace_->set_phase("forward");
      case Event::kBeforeLoss:
        return trace_->set_phase("loss");
      case Event::kBeforeBackward:
        return trace_->set_phase("backward");
      default:
        return trace_->set_phase(event_name(event));
    }
  }

 private:
  ValueTrace* const trace_;
};

// The message of a warning goes to nobody: anomaly mode's has C++ addresses.
class SilentWarnings final : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {}
};

absl::Status restore(Trainer& trainer, const SavedStep& step) {
  COMPOSER_RETURN_IF_ERROR(trainer.load_state_dict(step.state));
  trainer.state().dataloader_length = step.dataloader_length;
  return absl::OkStatus();
}

void name_tensors(ValueTrace& trace, const State& state, const Batch& batch) {
  for (const auto& parameter : state.model->named_parameters()) {
    trace.name(parameter.value(), absl::StrCat("parameter ", parameter.key()));
  }
  for (const auto& buffer : state.model->named_buffers()) {
    trace.name(buffer.value(), absl::StrCat("buffer ", buffer.key()));
  }
  for (const auto& [name, tensor] : batch) trace.name(tensor, absl::StrCat("batch ", name));
}

void find_bad_samples(const Batch& batch, ReplayReport& report) {
  for (const auto& [name, tensor] : batch) {
    if (!tensor.is_floating_point() || tensor.dim() == 0) continue;
    const at::Tensor rows = at::isfinite(tensor).reshape({tensor.size(0), -1}).all(1);
    const at::Tensor bad = rows.logical_not().nonzero().reshape(-1).cpu();
    if (bad.numel() == 0) continue;
    report.bad_input = name;
    const int64_t* const samples = bad.const_data_ptr<int64_t>();
    report.bad_samples.assign(samples, samples + bad.numel());
    return;
  }
}

void measure(const State& state, ReplayReport& report, std::vector<at::Tensor>& bad) {
  report.loss = values_of(state.loss);
  if (!state.loss.empty()) {
    const at::Tensor total = state.loss.total();
    if (!std::isfinite(total.item<double>())) bad.push_back(total);
  }
  double squares = 0;
  std::vector<at::Tensor> bad_gradients;
  for (const auto& parameter : state.model->named_parameters()) {
    const at::Tensor& gradient = parameter.value().grad();
    if (!gradient.defined()) continue;
    if (summarise(gradient).finite()) {
      const auto norm = gradient.to(at::kDouble).norm().item<double>();
      squares += norm * norm;
      continue;
    }
    report.parameters.push_back(parameter.key());
    bad_gradients.push_back(gradient);
  }
  report.grad_norm = std::sqrt(squares);
  report.reproduced = !bad.empty() || !bad_gradients.empty();
  // A loss that is bad is why its gradients are.
  if (bad.empty()) bad = std::move(bad_gradients);
}

}  // namespace

absl::StatusOr<ReplayReport> replay(Trainer& trainer, const SavedStep& step) {
  COMPOSER_RETURN_IF_ERROR(restore(trainer, step));
  State& state = trainer.state();
  ReplayReport report;
  {
    ValueTrace trace;
    name_tensors(trace, state, step.data);
    state.callbacks.push_back(std::make_unique<PhaseCallback>(&trace));
    const absl::Status repeated = trainer.repeat_step(step.data);
    state.callbacks.pop_back();
    report.error = std::string(repeated.message());
    COMPOSER_RETURN_IF_ERROR(catch_exceptions([&] {
      std::vector<at::Tensor> bad;
      measure(state, report, bad);
      report.origin = trace.origin_of(bad);
    }));
  }
  if (report.reproduced) find_bad_samples(step.data, report);
  if (report.origin.empty() || report.origin.back().phase != "backward") return report;

  COMPOSER_RETURN_IF_ERROR(restore(trainer, step));
  const torch::autograd::DetectAnomalyGuard anomaly;
  SilentWarnings silent;
  const c10::WarningUtils::WarningHandlerGuard quiet(&silent);
  report.anomaly = std::string(trainer.repeat_step(step.data).message());
  return report;
}

}  // namespace composer
