#include "algorithms/cutmix.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "algorithms/draws.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/core/registries.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

// Such targets have a value for each pixel.
bool are_images(const at::Tensor& targets, ImageSize image) {
  return targets.dim() > 2 && image_size(targets) == image;
}

}  // namespace

Box draw_cutmix_box(ImageSize image, double alpha, bool uniform_sampling,
                    const at::Generator& generator) {
  const double stays = alpha == 0 ? 1 : draw_beta(alpha, generator);
  const double ratio = std::sqrt(1 - stays);
  const ImageSize size{.height = static_cast<int64_t>(ratio * static_cast<double>(image.height)),
                       .width = static_cast<int64_t>(ratio * static_cast<double>(image.width))};
  return draw_box(size, image, uniform_sampling, generator);
}

at::Tensor cutmix_batch(const at::Tensor& images, const at::Tensor& permutation, const Box& box) {
  at::Tensor mixed = images.clone();
  inside(mixed, box).copy_(inside(images, box).index_select(0, permutation));
  return mixed;
}

at::Tensor cutmix_targets(const at::Tensor& logits, const at::Tensor& targets,
                          const at::Tensor& permutation, const Box& box, ImageSize image) {
  if (are_images(targets, image)) return cutmix_batch(targets, permutation, box);
  const at::Tensor dense = dense_targets(logits, targets);
  return at::lerp(dense, dense.index_select(0, permutation), covered(box, image));
}

absl::StatusOr<std::unique_ptr<Algorithm>> CutMix::create(const Config& config) {
  return try_make<CutMix>(CutMixOptions{.alpha = config.alpha(),
                                        .interpolate_loss = config.interpolate_loss(),
                                        .uniform_sampling = config.uniform_sampling(),
                                        .input_key = config.input_key(),
                                        .target_key = config.target_key()});
}

CutMix::CutMix(CutMixOptions options)
    : PairMixing({.alpha = options.alpha,
                  .interpolate_loss = options.interpolate_loss,
                  .input_key = std::move(options.input_key),
                  .target_key = std::move(options.target_key)}),
      uniform_sampling_(options.uniform_sampling) {}

AlgorithmTraits CutMix::traits() const {
  AlgorithmTraits traits = PairMixing::traits();
  traits.paper = "Yun et al., 2019, arXiv:1905.04899";
  return traits;
}

CutMixDraw CutMix::draw(int64_t samples, ImageSize image, const at::Generator& generator) {
  const Box box = draw_cutmix_box(image, options().alpha, uniform_sampling_, generator);
  return {.permutation = at::randperm(samples, generator, at::TensorOptions(at::kLong)),
          .box = box};
}

at::Tensor CutMix::draw_and_mix(const at::Tensor& input, const at::Tensor& targets,
                                const at::Generator& generator) {
  image_ = image_size(input);
  TORCH_CHECK_VALUE(!options().interpolate_loss || !are_images(targets, image_),
                    "targets of shape ", targets.sizes(),
                    " have a value for each pixel of the input: they are cut as the input is, and "
                    "their losses cannot be interpolated; leave interpolate_loss out");
  draw_ = draw(input.size(0), image_, generator);
  draw_.permutation = draw_.permutation.to(input.device());
  return cutmix_batch(input, draw_.permutation, draw_.box);
}

at::Tensor CutMix::mix_targets(const at::Tensor& logits, const at::Tensor& targets) const {
  return cutmix_targets(logits, targets, draw_.permutation, draw_.box, image_);
}

double CutMix::weight() const { return covered(draw_.box, image_); }

COMPOSER_REGISTER(Algorithm, CutMix);

}  // namespace composer
