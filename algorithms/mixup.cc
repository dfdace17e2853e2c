#include "algorithms/mixup.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "algorithms/draws.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/core/registries.h"
#include "proto/algorithm.pb.h"

namespace composer {

double draw_mixing_weight(double alpha, const at::Generator& generator) {
  if (alpha == 0) return 0;
  const double z = draw_beta(alpha, generator);
  return std::min(z, 1 - z);
}

at::Tensor mixup_batch(const at::Tensor& input, const at::Tensor& permutation, double weight) {
  TORCH_CHECK_VALUE(input.is_floating_point(), "only tensors of floating point can be mixed, not ",
                    input.scalar_type());
  return at::lerp(input, input.index_select(0, permutation), weight);
}

at::Tensor mixup_targets(const at::Tensor& logits, const at::Tensor& targets,
                         const at::Tensor& permutation, double weight) {
  return mixup_batch(dense_targets(logits, targets), permutation, weight);
}

absl::StatusOr<std::unique_ptr<Algorithm>> MixUp::create(const Config& config) {
  return try_make<MixUp>(MixUpOptions{.alpha = config.alpha(),
                                      .interpolate_loss = config.interpolate_loss(),
                                      .input_key = config.input_key(),
                                      .target_key = config.target_key()});
}

MixUp::MixUp(MixUpOptions options)
    : PairMixing({.alpha = options.alpha,
                  .interpolate_loss = options.interpolate_loss,
                  .input_key = std::move(options.input_key),
                  .target_key = std::move(options.target_key)}) {}

AlgorithmTraits MixUp::traits() const {
  AlgorithmTraits traits = PairMixing::traits();
  traits.paper = "Zhang et al., 2017, arXiv:1710.09412";
  return traits;
}

MixUpDraw MixUp::draw(int64_t samples, const at::Generator& generator) {
  const double weight = draw_mixing_weight(options().alpha, generator);
  return {.permutation = at::randperm(samples, generator, at::TensorOptions(at::kLong)),
          .weight = weight};
}

at::Tensor MixUp::draw_and_mix(const at::Tensor& input, const at::Tensor& targets,
                               const at::Generator& generator) {
  draw_ = draw(input.size(0), generator);
  draw_.permutation = draw_.permutation.to(input.device());
  return mixup_batch(input, draw_.permutation, draw_.weight);
}

at::Tensor MixUp::mix_targets(const at::Tensor& logits, const at::Tensor& targets) const {
  return mixup_targets(logits, targets, draw_.permutation, draw_.weight);
}

COMPOSER_REGISTER(Algorithm, MixUp);

}  // namespace composer
