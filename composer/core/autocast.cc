#include "composer/core/autocast.h"

#include <ATen/autocast_mode.h>

namespace composer {

namespace autocast = at::autocast;

void AutocastScope::enter(Precision precision, at::DeviceType type) {
  type_ = type;
  was_enabled_ = autocast::is_autocast_enabled(type);
  previous_dtype_ = autocast::get_autocast_dtype(type);
  autocast::set_autocast_dtype(type, precision == Precision::kAmpFp16 ? at::kHalf : at::kBFloat16);
  autocast::set_autocast_enabled(type, true);
  autocast::increment_nesting();
  entered_ = true;
}

void AutocastScope::leave() {
  if (autocast::decrement_nesting() == 0) autocast::clear_cache();
  autocast::set_autocast_enabled(type_, was_enabled_);
  autocast::set_autocast_dtype(type_, previous_dtype_);
}

AutocastDisabled::AutocastDisabled(at::Device device)
    : type_(device.type()), was_enabled_(autocast::is_autocast_enabled(type_)) {
  if (!was_enabled_) return;
  autocast::clear_cache();
  autocast::set_autocast_enabled(type_, false);
}

AutocastDisabled::~AutocastDisabled() {
  if (was_enabled_) autocast::set_autocast_enabled(type_, true);
}

at::Tensor upcast_half(const at::Tensor& tensor) {
  const at::ScalarType type = tensor.scalar_type();
  return type == at::kHalf || type == at::kBFloat16 ? tensor.to(at::kFloat) : tensor;
}

}  // namespace composer
