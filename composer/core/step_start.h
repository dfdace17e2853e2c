#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "composer/base/generator_states.h"

namespace composer {

class ComposerModel;

/// What a forward changes and a repeated one must find as it was: the default generators of the CPU
/// and of the model's device, and the model's buffers, such as the running statistics of batch
/// normalisation. Saving costs a copy of every buffer: kernels change running statistics behind
/// the tensors' version counters, so that nothing says which of them are as they were.
class StepStart {
 public:
  /// The buffers that `model` has now.
  StepStart(const ComposerModel& model, at::Device device);

  void save();
  /// May be called again. REQUIRES: `save` was called.
  void restore();

 private:
  const at::Device device_;
  const std::vector<at::Tensor> buffers_;
  std::vector<at::Tensor> copies_;
  std::optional<GeneratorStates> generators_;
};

}  // namespace composer
