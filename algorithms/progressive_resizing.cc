#include "algorithms/progressive_resizing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "algorithms/draws.h"
#include "algorithms/keys.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

int64_t scaled_side(int64_t side, double scale, int64_t increment) {
  // Halves go to the even multiple, as Python's round has it.
  const double steps = std::nearbyint(static_cast<double>(side) * scale / increment);
  return std::min(side, std::max(increment, static_cast<int64_t>(steps) * increment));
}

// What becomes of `part`, a length in an image of side `image`, in one of side `other`.
int64_t in_proportion(int64_t part, int64_t image, int64_t other) { return part * other / image; }

Box in_proportion(const Box& box, ImageSize image, ImageSize other) {
  const int64_t top = in_proportion(box.top, image.height, other.height);
  const int64_t left = in_proportion(box.left, image.width, other.width);
  return {.top = top,
          .left = left,
          .bottom = top + in_proportion(box.size().height, image.height, other.height),
          .right = left + in_proportion(box.size().width, image.width, other.width)};
}

}  // namespace

double resizing_scale(double elapsed, const ProgressiveResizingOptions& options) {
  if (elapsed < options.delay_fraction) return options.initial_scale;
  const double growing = 1 - options.finetune_fraction - options.delay_fraction;
  if (elapsed - options.delay_fraction >= growing) return 1;
  const double grown = (elapsed - options.delay_fraction) / growing;
  return options.initial_scale + (1 - options.initial_scale) * grown;
}

ImageSize scaled_size(ImageSize image, double scale, int64_t increment) {
  return {.height = scaled_side(image.height, scale, increment),
          .width = scaled_side(image.width, scale, increment)};
}

at::Tensor resize_batch(const at::Tensor& images, ImageSize size) {
  TORCH_CHECK_VALUE(images.dim() == 3 || images.dim() == 4,
                    "expected [samples, height, width] or [samples, channels, height, width], not ",
                    images.sizes());
  if (images.dim() == 3) return resize_batch(images.unsqueeze(1), size).squeeze(1);
  // Double holds all classes there are.
  const bool has_kernel = images.is_floating_point() || images.scalar_type() == at::kByte;
  const at::Tensor resized = at::upsample_nearest2d(has_kernel ? images : images.to(at::kDouble),
                                                    {size.height, size.width});
  return resized.to(images.scalar_type());
}

absl::StatusOr<std::unique_ptr<Algorithm>> ProgressiveResizing::create(const Config& config) {
  return try_make<ProgressiveResizing>(ProgressiveResizingOptions{
      .mode = config.mode() == config::ProgressiveResizing::CROP ? ResizingMode::kCrop
                                                                 : ResizingMode::kResize,
      .initial_scale = config.initial_scale(),
      .finetune_fraction = config.finetune_fraction(),
      .delay_fraction = config.delay_fraction(),
      .size_increment = config.size_increment(),
      .resize_targets = config.resize_targets(),
      .input_key = config.input_key(),
      .target_key = config.target_key()});
}

ProgressiveResizing::ProgressiveResizing(ProgressiveResizingOptions options)
    : options_(std::move(options)) {
  const auto check = [](bool right, const char* field, const char* message) {
    if (!right) throw_if_error(field_error(field, message));
  };
  const double finetune = options_.finetune_fraction, delay = options_.delay_fraction;
  check(options_.initial_scale > 0 && options_.initial_scale <= 1, "initial_scale",
        "must be above 0 and at most 1");
  check(finetune >= 0 && finetune <= 1, "finetune_fraction", "must be from 0 to 1");
  check(delay >= 0 && delay <= 1, "delay_fraction", "must be from 0 to 1");
  check(delay + finetune <= 1, "delay_fraction",
        "must leave finetune_fraction of training: their sum is at most 1");
  check(options_.size_increment >= 1, "size_increment", "must be at least 1");
}

AlgorithmTraits ProgressiveResizing::traits() const {
  return {.events = {Event::kAfterDataloader},
          .paper =
              "Howard and Gugger, 2020, Deep Learning for Coders with fastai and PyTorch, "
              "chapter 7"};
}

bool ProgressiveResizing::match(Event event, const State& state) const {
  return event == Event::kAfterDataloader;
}

void ProgressiveResizing::apply(Event event, State& state, Logger& logger) {
  const std::string input = input_key(options_.input_key, state.batch);
  const std::string target = target_key(options_.target_key, state.batch);
  const at::Tensor images = state.batch.at(input);
  const ImageSize full = image_size(images);
  const double scale = resizing_scale(state.elapsed_duration(), options_);
  const ImageSize size = scaled_size(full, scale, options_.size_increment);
  logger.log_metric("progressive_resizing/height", static_cast<double>(size.height));
  logger.log_metric("progressive_resizing/width", static_cast<double>(size.width));
  logger.log_metric("progressive_resizing/scale_factor", scale);
  if (size == full) return;

  const at::Tensor targets = options_.resize_targets ? state.batch.at(target) : at::Tensor();
  if (options_.mode == ResizingMode::kCrop) {
    const at::Generator generator = state.generator(name());
    const int64_t top = draw_below(full.height - size.height + 1, generator);
    const int64_t left = draw_below(full.width - size.width + 1, generator);
    const Box box{top, left, top + size.height, left + size.width};
    state.batch.set(input, inside(images, box));
    if (!targets.defined()) return;
    state.batch.set(target, inside(targets, in_proportion(box, full, image_size(targets))));
  } else {
    state.batch.set(input, resize_batch(images, size));
    if (!targets.defined()) return;
    const ImageSize other = image_size(targets);
    state.batch.set(target,
                    resize_batch(targets, {in_proportion(size.height, full.height, other.height),
                                           in_proportion(size.width, full.width, other.width)}));
  }
}

COMPOSER_REGISTER(Algorithm, ProgressiveResizing);

}  // namespace composer
