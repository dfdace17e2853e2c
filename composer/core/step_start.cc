#include "composer/core/step_start.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_copy.h>

#include "composer/core/model.h"

namespace composer {
namespace {

void copy(at::TensorList from, at::TensorList to) {
  if (from.empty()) return;
  const at::NoGradGuard no_grad;
  at::_foreach_copy_(to, from);
}

}  // namespace

StepStart::StepStart(const ComposerModel& model, at::Device device)
    : device_(device), buffers_(model.buffers()) {}

void StepStart::save() {
  if (copies_.empty()) {
    const at::NoGradGuard no_grad;
    for (const at::Tensor& buffer : buffers_) copies_.push_back(buffer.clone());
  } else {
    copy(buffers_, copies_);
  }
  generators_.emplace(device_);
}

void StepStart::restore() {
  copy(copies_, buffers_);
  generators_->restore();
}

}  // namespace composer
