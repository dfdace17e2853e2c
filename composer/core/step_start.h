#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

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
  ~StepStart();

  void save();
  /// May be called again. REQUIRES: `save` was called.
  void restore();

 private:
  struct Generators;

  const at::Device device_;
  const std::vector<at::Tensor> buffers_;
  std::vector<at::Tensor> copies_;
  std::unique_ptr<Generators> generators_;
};

}  // namespace composer
