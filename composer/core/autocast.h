#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include "composer/core/precision.h"

namespace composer {

/// ATen's autocast while this lives, for operations on the device's type of tensors, in this
/// thread: matrix products and convolutions take half precision, what needs more takes float32. The
/// state is as before afterwards, and what was cast is dropped by the outermost. Nothing happens
/// for fp32 and bf16.
///
/// In training one is around a model's train_step, so around forward, loss and the events from
/// before_forward to after_loss; algorithms also have it at the events from after_dataloader to
/// before_backward, so that what they compute of the model or its loss is what training computes.
/// Backward and the optimizers run without. In evaluation and prediction it goes from
/// before_forward to the metrics.
class AutocastScope {
 public:
  AutocastScope(Precision precision, at::Device device) {
    if (precision == Precision::kAmpBf16 || precision == Precision::kAmpFp16) {
      enter(precision, device.type());
    }
  }
  ~AutocastScope() {
    if (entered_) leave();
  }

  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  void enter(Precision precision, at::DeviceType type);
  void leave();

  bool entered_ = false;
  bool was_enabled_;
  at::DeviceType type_;
  at::ScalarType previous_dtype_;
};

/// No autocast while this lives: for what must run in float32 inside an AutocastScope. Tensors that
/// are in half precision already stay so: see `upcast_half`. Weights that were cast are cast anew
/// afterwards, so they may be changed inside.
class AutocastDisabled {
 public:
  explicit AutocastDisabled(at::Device device);
  ~AutocastDisabled();

  AutocastDisabled(const AutocastDisabled&) = delete;
  AutocastDisabled& operator=(const AutocastDisabled&) = delete;

 private:
  const at::DeviceType type_;
  const bool was_enabled_;
};

/// `tensor` in float32 where it is in half precision, else itself. A loss that is built of parts
/// begins with it: whether autocast takes a part to float32 depends on the operation and the device
/// (on the CPU not log_softmax, mean or sum), and a loss of 8 bits says little.
at::Tensor upcast_half(const at::Tensor& tensor);

}  // namespace composer
