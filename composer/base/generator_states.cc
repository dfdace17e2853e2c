#include "composer/base/generator_states.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <mutex>

namespace composer {
namespace {

at::CPUGeneratorImpl& cpu_generator() {
  return *at::check_generator<at::CPUGeneratorImpl>(at::detail::getDefaultCPUGenerator());
}

}  // namespace

GeneratorStates::GeneratorStates(at::Device device) : device_(device) {
  {
    at::CPUGeneratorImpl& cpu = cpu_generator();
    const std::lock_guard<std::mutex> lock(cpu.mutex_);
    engine_ = cpu.engine();
    next_float_ = cpu.next_float_normal_sample();
    next_double_ = cpu.next_double_normal_sample();
  }
  if (device_.is_cpu()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  device_state_ = generator.get_state();
}

void GeneratorStates::restore() const {
  {
    at::CPUGeneratorImpl& cpu = cpu_generator();
    const std::lock_guard<std::mutex> lock(cpu.mutex_);
    cpu.set_engine(engine_);
    cpu.set_next_float_normal_sample(next_float_);
    cpu.set_next_double_normal_sample(next_double_);
  }
  if (device_.is_cpu()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(device_state_);
}

}  // namespace composer
