#include "composer/core/step_start.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>

#include <mutex>
#include <optional>

#include "composer/core/model.h"

namespace composer {
namespace {

void copy(at::TensorList from, at::TensorList to) {
  if (from.empty()) return;
  const at::NoGradGuard no_grad;
  at::_foreach_copy_(to, from);
}

}  // namespace

// The CPU's engine is copied as a value: its state as a tensor would cost several times as much.
struct StepStart::Generators {
  at::mt19937 engine;
  std::optional<float> next_float;
  std::optional<double> next_double;
  at::Tensor device;
};

StepStart::StepStart(const ComposerModel& model, at::Device device)
    : device_(device), buffers_(model.buffers()), generators_(std::make_unique<Generators>()) {}

StepStart::~StepStart() = default;

void StepStart::save() {
  if (copies_.empty()) {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& buffer : buffers_) copies_.push_back(buffer.clone());
  } else {
    copy(buffers_, copies_);
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
  copy(copies_, buffers_);
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
