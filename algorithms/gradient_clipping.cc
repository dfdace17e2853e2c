#include "algorithms/gradient_clipping.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/optim/gradients.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

ClippingType from_config(config::GradientClipping::Type type) {
  switch (type) {
    case config::GradientClipping::NORM:
      return ClippingType::kNorm;
    case config::GradientClipping::VALUE:
      return ClippingType::kValue;
    case config::GradientClipping::ADAPTIVE:
      return ClippingType::kAdaptive;
  }
  TORCH_CHECK_VALUE(false, "unknown clipping type ", static_cast<int>(type));
}

// The norm of each slice of the first dimension, in a shape that broadcasts against `tensor`.
at::Tensor unit_norms(const at::Tensor& tensor) {
  if (tensor.dim() <= 1) return at::linalg_vector_norm(tensor, 2);
  std::vector<int64_t> dimensions;
  for (int64_t i = 1; i < tensor.dim(); ++i) dimensions.push_back(i);
  return at::linalg_vector_norm(tensor, 2, dimensions, /*keepdim=*/true);
}

}  // namespace

at::Tensor clip_gradients(at::TensorList gradients, double threshold) {
  at::Tensor norm = global_norm(gradients);
  if (!gradients.empty()) {
    at::_foreach_mul_(gradients, (threshold / (norm + 1e-6)).clamp_max_(1));
  }
  return norm;
}

void clip_gradient_values(at::TensorList gradients, double threshold) {
  if (gradients.empty()) return;
  at::_foreach_clamp_min_(gradients, -threshold);
  at::_foreach_clamp_max_(gradients, threshold);
}

void clip_gradients_adaptively(at::TensorList parameters, at::TensorList gradients,
                               double threshold) {
  for (size_t i = 0; i < gradients.size(); ++i) {
    const at::Tensor limit = unit_norms(parameters[i]).clamp_min_(1e-3).mul_(threshold);
    // A gradient of zero gives infinity here, one with NaN stays visible as it is.
    gradients[i].mul_(limit.div_(unit_norms(gradients[i])).nan_to_num_(1).clamp_max_(1));
  }
}

absl::StatusOr<std::unique_ptr<Algorithm>> GradientClipping::create(const Config& config) {
  if (!config.has_clipping_type()) {
    return field_error("clipping_type", "is needed: NORM, VALUE or ADAPTIVE");
  }
  return try_make<GradientClipping>(from_config(config.clipping_type()),
                                    config.clipping_threshold());
}

GradientClipping::GradientClipping(ClippingType type, double threshold)
    : type_(type), threshold_(threshold) {
  if (!(threshold > 0)) throw_if_error(field_error("clipping_threshold", "must be above zero"));
}

AlgorithmTraits GradientClipping::traits() const {
  return {.events = {Event::kAfterTrainBatch},
          .paper = "Pascanu et al., 2012, arXiv:1211.5063; Brock et al., 2021, arXiv:2102.06171"};
}

bool GradientClipping::match(Event event, const State& state) const {
  return event == Event::kAfterTrainBatch;
}

void GradientClipping::apply(Event event, State& state, Logger& logger) {
  const at::NoGradGuard no_grad;
  const auto [parameters, gradients] = gradients_of(state.optimizers);
  if (gradients.empty()) return;
  if (type_ == ClippingType::kNorm) {
    logger.log_metric("gradient_clipping/norm", clip_gradients(gradients, threshold_));
    return;
  }
  if (logger.due()) logger.log_metric("gradient_clipping/norm", global_norm(gradients));
  if (type_ == ClippingType::kValue) {
    clip_gradient_values(gradients, threshold_);
  } else {
    clip_gradients_adaptively(parameters, gradients, threshold_);
  }
}

COMPOSER_REGISTER(Algorithm, GradientClipping);

}  // namespace composer
