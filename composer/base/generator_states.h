#pragma once

#include <ATen/core/MT19937RNGEngine.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <optional>

namespace composer {

/// The states of LibTorch's default generators, the CPU's and that of `device` where it is another
/// one, as they are when this is made.
class GeneratorStates {
 public:
  explicit GeneratorStates(at::Device device);

  void restore() const;

 private:
  // The CPU's engine as a value: its state as a tensor would cost several times as much, and a
  // default one is seeded first.
  struct Cpu {
    at::mt19937 engine;
    std::optional<float> next_float;
    std::optional<double> next_double;
  };
  static Cpu cpu_state();

  Cpu cpu_;
  at::Device device_;
  at::Tensor device_state_;
};

}  // namespace composer
