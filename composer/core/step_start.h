#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace composer {

class ComposerModel;

/// What a forward changes and a repeated one must find as it was: the default generators of the CPU
/// and of the model's device, and the model's buffers, such as the running statistics of batch
/// normalisation. Saving costs a copy of the buffers that have changed since.
class StepStart {
 public:
  /// The buffers that `model` has now.
  StepStart(const ComposerModel& model, at::Device device);
  ~StepStart();

  void save();
  /// REQUIRES: `save` was called.
  void restore();

 private:
  struct Generators;
  struct Buffer {
    at::Tensor tensor;
    at::Tensor copy;
    // at::Tensor::_version of `tensor` when it was copied.
    int64_t version = -1;
  };

  const at::Device device_;
  std::vector<Buffer> buffers_;
  std::unique_ptr<Generators> generators_;
};

}  // namespace composer
