#include "composer/optim/loss_scaler.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <map>
#include <utility>

#include "composer/base/status.h"

namespace composer {

LossScaler::LossScaler(LossScalerOptions options) : options_(options) {
  TORCH_CHECK_VALUE(options.init_scale > 0, "init_scale must be above 0, not ", options.init_scale);
  TORCH_CHECK_VALUE(options.growth_factor > 1, "growth_factor must be above 1, not ",
                    options.growth_factor);
  TORCH_CHECK_VALUE(options.backoff_factor > 0 && options.backoff_factor < 1,
                    "backoff_factor must be above 0 and below 1, not ", options.backoff_factor);
  TORCH_CHECK_VALUE(options.growth_interval >= 1, "growth_interval must be at least 1, not ",
                    options.growth_interval);
  TORCH_CHECK_VALUE(options.min_scale > 0, "min_scale must be above 0, not ", options.min_scale);
  set(options.init_scale, 0);
}

void LossScaler::set(double scale, int64_t growth_tracker) {
  const at::Device device = scale_.defined() ? scale_.device() : at::kCPU;
  scale_ = at::full({}, scale, at::TensorOptions(at::kFloat).device(device));
  growth_tracker_ = at::full({}, growth_tracker, at::TensorOptions(at::kInt).device(device));
  found_infs_.clear();
  known_scale_ = scale;
  arrived_.reset();
}

void LossScaler::move_to(at::Device device) {
  scale_ = scale_.to(device);
  growth_tracker_ = growth_tracker_.to(device);
}

at::Tensor LossScaler::scale(const at::Tensor& loss) {
  if (scale_.device() != loss.device()) move_to(loss.device());
  return loss * scale_;
}

at::Tensor LossScaler::unscale(Optimizer& optimizer) {
  const c10::NoGradGuard no_grad;
  std::map<at::ScalarType, std::vector<at::Tensor>> gradients;
  for (const ParameterGroup& group : optimizer.groups()) {
    for (const auto& [name, tensor] : group.parameters) {
      const at::Tensor& gradient = tensor.grad();
      if (!gradient.defined()) continue;
      TORCH_CHECK_TYPE(gradient.scalar_type() != at::kHalf, "the gradient of \"", name,
                       "\" is in float16, which a loss scale cannot save; parameters must be in "
                       "float32, and autocast does the rest");
      gradients[gradient.scalar_type()].push_back(gradient.is_sparse() ? gradient._values()
                                                                       : gradient);
    }
  }
  // As PyTorch: the reciprocal of a float can be off by a bit.
  const at::Tensor inverse = scale_.to(at::kDouble).reciprocal_().to(at::kFloat);
  at::Tensor found_inf = at::zeros({}, scale_.options());
  for (auto& [type, tensors] : gradients) {
    at::_amp_foreach_non_finite_check_and_unscale_(tensors, found_inf, inverse);
  }
  found_infs_.push_back(found_inf);
  return found_inf;
}

void LossScaler::update() {
  if (found_infs_.empty()) return;
  at::Tensor found_inf = found_infs_.front();
  for (size_t i = 1; i < found_infs_.size(); ++i)
    found_inf = at::maximum(found_inf, found_infs_[i]);
  found_infs_.clear();
  at::_amp_update_scale_(scale_, growth_tracker_, found_inf, options_.growth_factor,
                         options_.backoff_factor, options_.growth_interval);
  look_at_scale();
}

void LossScaler::look_at_scale() {
  if (scale_.is_cpu()) {
    known_scale_ = *scale_.const_data_ptr<float>();
    return;
  }
  if (arrived_) {
    if (!arrived_->query()) return;
    known_scale_ = *arriving_.const_data_ptr<float>();
  }
  if (!arriving_.defined()) {
    arriving_ = at::empty({}, at::TensorOptions(at::kFloat).pinned_memory(true));
  }
  arriving_.copy_(scale_, /*non_blocking=*/true);
  arrived_.emplace(scale_.device().type());
  arrived_->record(c10::impl::VirtualGuardImpl(scale_.device().type()).getStream(scale_.device()));
}

double LossScaler::current_scale() const { return scale_.item<float>(); }

StateDict LossScaler::state_dict() const {
  StateDict state;
  state.set("scale", current_scale());
  state.set("growth_factor", options_.growth_factor);
  state.set("backoff_factor", options_.backoff_factor);
  state.set("growth_interval", options_.growth_interval);
  state.set("_growth_tracker", static_cast<int64_t>(growth_tracker_.item<int32_t>()));
  return state;
}

absl::Status LossScaler::load_state_dict(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(const double scale, state.number("scale"));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t growth_tracker, state.integer("_growth_tracker"));
  set(scale, growth_tracker);
  return absl::OkStatus();
}

}  // namespace composer
