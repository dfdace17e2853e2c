#include "algorithms/cutmix.h"

#include <ATen/ATen.h>

#include <cmath>

#include "algorithms/draws.h"
#include "algorithms/keys.h"
#include "algorithms/targets.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
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

CutMix::CutMix(CutMixOptions options) : options_(std::move(options)) {
  if (!(options_.alpha >= 0 && std::isfinite(options_.alpha))) {
    throw_if_error(field_error("alpha", "must be a number that is not negative"));
  }
}

AlgorithmTraits CutMix::traits() const {
  AlgorithmTraits traits{.paper = "Yun et al., 2019, arXiv:1905.04899"};
  if (options_.interpolate_loss) {
    traits.events = {Event::kBeforeForward, Event::kBeforeBackward};
    traits.interpolates_loss = true;
  } else {
    traits.events = {Event::kBeforeForward, Event::kBeforeLoss, Event::kAfterLoss};
    traits.replaces_targets = true;
  }
  return traits;
}

bool CutMix::match(Event event, const State& state) const {
  if (event == Event::kBeforeForward) return true;
  return options_.interpolate_loss ? event == Event::kBeforeBackward
                                   : event == Event::kBeforeLoss || event == Event::kAfterLoss;
}

void CutMix::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kBeforeForward) return cut_input(state);
  if (event == Event::kBeforeLoss) return mix_targets(state);
  if (event == Event::kBeforeBackward) mix_loss(state);
  restore(state);
}

CutMixDraw CutMix::draw(int64_t samples, ImageSize image, const at::Generator& generator) {
  const Box box = draw_cutmix_box(image, options_.alpha, options_.uniform_sampling, generator);
  return {.permutation = at::randperm(samples, generator, at::TensorOptions(at::kLong)),
          .box = box};
}

void CutMix::cut_input(State& state) {
  const std::string key = input_key(options_.input_key, state.batch);
  found_input_ = state.batch.at(key);
  found_targets_ = state.batch.at(target_key(options_.target_key, state.batch));
  const ImageSize image = image_size(found_input_);
  TORCH_CHECK_VALUE(!options_.interpolate_loss || !are_images(found_targets_, image),
                    "targets of shape ", found_targets_.sizes(),
                    " have a value for each pixel of the input: they are cut as the input is, and "
                    "their losses cannot be interpolated; leave interpolate_loss out");
  draw_ = draw(found_input_.size(0), image, state.generator(name()));
  draw_.permutation = draw_.permutation.to(found_input_.device());
  state.batch.set(key, cutmix_batch(found_input_, draw_.permutation, draw_.box));
}

void CutMix::mix_targets(State& state) {
  const std::string key = target_key(options_.target_key, state.batch);
  found_targets_ = state.batch.at(key);
  state.batch.set(key, cutmix_targets(logits_of(state.outputs, name()), found_targets_,
                                      draw_.permutation, draw_.box, image_size(found_input_)));
}

void CutMix::mix_loss(State& state) {
  Batch permuted = state.batch;
  permuted.set(target_key(options_.target_key, state.batch),
               found_targets_.index_select(0, draw_.permutation));
  state.loss = lerp(state.loss, state.model->loss(state.outputs, permuted),
                    covered(draw_.box, image_size(found_input_)));
}

void CutMix::restore(State& state) {
  state.batch.set(input_key(options_.input_key, state.batch), std::move(found_input_));
  state.batch.set(target_key(options_.target_key, state.batch), std::move(found_targets_));
}

COMPOSER_REGISTER(Algorithm, CutMix);

}  // namespace composer
