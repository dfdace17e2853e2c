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

GeneratorStates::Cpu GeneratorStates::cpu_state() {
  at::CPUGeneratorImpl& cpu = cpu_generator();
  const std::lock_guard<std::mutex> lock(cpu.mutex_);
  return {cpu.engine(), cpu.next_float_normal_sample(), cpu.next_double_normal_sample()};
}

GeneratorStates::GeneratorStates(at::Device device) : cpu_(cpu_state()), device_(device) {
  if (device_.is_cpu()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  device_state_ = generator.get_state();
}

void GeneratorStates::restore() const {
  {
    at::CPUGeneratorImpl& cpu = cpu_generator();
    const std::lock_guard<std::mutex> lock(cpu.mutex_);
    cpu.set_engine(cpu_.engine);
    cpu.set_next_float_normal_sample(cpu_.next_float);
    cpu.set_next_double_normal_sample(cpu_.next_double);
  }
  if (device_.is_cpu()) return;
  at::Generator generator = at::globalContext().defaultGenerator(device_);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(device_state_);
}

}  // namespace composer
