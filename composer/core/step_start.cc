#include "composer/core/step_start.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <mutex>
#include <optional>
#include <utility>

#include "composer/core/model.h"

namespace composer {

// The CPU's engine is copied as a value: its state as a tensor would cost several times as much.
struct StepStart::Generators {
  at::mt19937 engine;
  std::optional<float> next_float;
  std::optional<double> next_double;
  at::Tensor device;
};

StepStart::StepStart(const ComposerModel& model, at::Device device)
    : device_(device), generators_(std::make_unique<Generators>()) {
  for (at::Tensor& buffer : model.buffers()) buffers_.push_back({std::move(buffer), {}});
}

StepStart::~StepStart() = default;

void StepStart::save() {
  const at::NoGradGuard no_grad;
  for (Buffer& buffer : buffers_) {
    const auto version = static_cast<int64_t>(buffer.tensor._version());
    if (version == buffer.version) continue;
    if (buffer.copy.defined() && buffer.copy.sizes() == buffer.tensor.sizes()) {
      buffer.copy.copy_(buffer.tensor);
    } else {
      buffer.copy = buffer.tensor.clone();
    }
    buffer.version = version;
  }
  const at::Generator& cpu = at::detail::getDefaultCPUGenerator();
  {
    auto* const generator = at::check_generator<at::CPUGeneratorImpl>(cpu);
    const std::lock_guard<std::mutex> lock(generator->mutex_);
    generators_->engine = generator->engine();
    generators_->next_float = generator->next_float_normal_sample();
    generators_->next_double = generator->next_double_normal_sample();
  }
  if (device_.is_cpu()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generators_->device = generator.get_state();
}

void StepStart::restore() {
  const at::NoGradGuard no_grad;
  for (Buffer& buffer : buffers_) {
    if (static_cast<int64_t>(buffer.tensor._version()) == buffer.version) continue;
    buffer.tensor.copy_(buffer.copy);
    buffer.version = static_cast<int64_t>(buffer.tensor._version());
  }
  const at::Generator& cpu = at::detail::getDefaultCPUGenerator();
  {
    auto* const generator = at::check_generator<at::CPUGeneratorImpl>(cpu);
    const std::lock_guard<std::mutex> lock(generator->mutex_);
    generator->set_engine(generators_->engine);
    generator->set_next_float_normal_sample(generators_->next_float);
    generator->set_next_double_normal_sample(generators_->next_double);
  }
  if (device_.is_cpu()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(generators_->device);
}

}  // namespace composer
