#include "algorithms/colout.h"

#include <ATen/ATen.h>

#include "algorithms/box.h"
#include "algorithms/keys.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/data/image_loader.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

ColOutTargets from_config(config::ColOut::ResizeTarget resize_target) {
  switch (resize_target) {
    case config::ColOut::AUTO:
      return ColOutTargets::kAuto;
    case config::ColOut::ALWAYS:
      return ColOutTargets::kAlways;
    case config::ColOut::NEVER:
      return ColOutTargets::kNever;
  }
  TORCH_CHECK_VALUE(false, "unknown resize_target ", static_cast<int>(resize_target));
}

bool are_resized(const at::Tensor& targets, ImageSize image, ColOutTargets resize_target) {
  if (resize_target == ColOutTargets::kNever) return false;
  const bool same_size = targets.dim() > 2 && image_size(targets) == image;
  TORCH_CHECK_VALUE(same_size || resize_target == ColOutTargets::kAuto, "targets of shape ",
                    targets.sizes(), " cannot lose rows and columns of an input of ", image.height,
                    "x", image.width, "; leave resize_target: ALWAYS out");
  return same_size;
}

}  // namespace

at::Tensor draw_kept(int64_t size, double p, const at::Generator& generator) {
  const at::Tensor order = at::randperm(size, generator, at::TensorOptions(at::kLong));
  return std::get<0>(order.narrow(0, 0, kept_by_colout(size, p)).sort());
}

at::Tensor colout_batch(const at::Tensor& images, const at::Tensor& rows,
                        const at::Tensor& columns) {
  return images.index_select(-2, rows).index_select(-1, columns);
}

absl::StatusOr<std::unique_ptr<Algorithm>> ColOut::create(const Config& config) {
  return try_make<ColOut>(ColOutOptions{.p_row = config.p_row(),
                                        .p_col = config.p_col(),
                                        .resize_target = from_config(config.resize_target()),
                                        .input_key = config.input_key(),
                                        .target_key = config.target_key(),
                                        .batch = config.batch()});
}

ColOut::ColOut(ColOutOptions options)
    : options_(std::move(options)),
      transform_(std::make_shared<ColOutTransform>(options_.p_row, options_.p_col)) {
  if (options_.batch) return;
  const auto refuse_if = [](bool set, absl::string_view field) {
    if (!set) return;
    throw_if_error(field_error(field,
                               "is for batch: true; without it, images are changed before "
                               "there is a batch, and targets stay"));
  };
  refuse_if(options_.resize_target == ColOutTargets::kAlways, "resize_target");
  refuse_if(!options_.input_key.empty(), "input_key");
  refuse_if(!options_.target_key.empty(), "target_key");
}

AlgorithmTraits ColOut::traits() const {
  return {.events = {options_.batch ? Event::kAfterDataloader : Event::kFitStart},
          .paper = "MosaicML, 2021, docs.mosaicml.com, method card ColOut"};
}

bool ColOut::match(Event event, const State& state) const {
  return event == (options_.batch ? Event::kAfterDataloader : Event::kFitStart);
}

void ColOut::apply(Event event, State& state, Logger& logger) {
  if (event == Event::kFitStart) {
    return throw_if_error(add_transform(*state.train_dataloader, transform_));
  }
  const std::string input = input_key(options_.input_key, state.batch);
  const std::string target = target_key(options_.target_key, state.batch);
  const at::Tensor images = state.batch.at(input);
  const ImageSize image = image_size(images);
  const at::Generator generator = state.generator(name());
  const at::Tensor rows = draw_kept(image.height, options_.p_row, generator).to(images.device());
  const at::Tensor columns = draw_kept(image.width, options_.p_col, generator).to(images.device());
  state.batch.set(input, colout_batch(images, rows, columns));
  const at::Tensor* const targets = state.batch.find(target);
  if (targets != nullptr && are_resized(*targets, image, options_.resize_target)) {
    state.batch.set(target, colout_batch(*targets, rows, columns));
  }
}

COMPOSER_REGISTER(Algorithm, ColOut);

}  // namespace composer
