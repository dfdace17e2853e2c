#include "algorithms/batch_random_erasing.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "algorithms/draws.h"
#include "algorithms/keys.h"
#include "composer/base/counter_random.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

// For each image which of `size` rows or columns lie between two of its box's corners.
at::Tensor within(int64_t size, const at::Tensor& first, const at::Tensor& last) {
  const at::Tensor places = at::arange(size, first.options());
  return places.ge(first.unsqueeze(1)).logical_and_(places.lt(last.unsqueeze(1)));
}

bool is_empty(const Box& box) { return box.size().height == 0 || box.size().width == 0; }

}  // namespace

at::Tensor erase_batch(const at::Tensor& images, absl::Span<const Box> boxes,
                       const at::Tensor& fill) {
  const ImageSize image = image_size(images);
  const int64_t samples = images.size(0);
  TORCH_CHECK_VALUE(static_cast<int64_t>(boxes.size()) == samples, "expected a box for each of ",
                    samples, " images, got ", boxes.size());
  std::vector<int64_t> corners;
  for (const Box& box : boxes) {
    corners.insert(corners.end(), {box.top, box.left, box.bottom, box.right});
  }
  const at::Tensor sides =
      at::tensor(corners, at::kLong).view({samples, 4}).t().contiguous().to(images.device());
  const at::Tensor rows = within(image.height, sides[0], sides[2]);
  const at::Tensor columns = within(image.width, sides[1], sides[3]);
  std::vector<int64_t> shape(static_cast<size_t>(images.dim()), 1);
  shape.front() = samples;
  shape[shape.size() - 2] = image.height;
  shape.back() = image.width;
  const at::Tensor erased = rows.unsqueeze(2).logical_and(columns.unsqueeze(1)).view(shape);
  return at::where(erased, fill, images);
}

std::vector<Box> draw_erased_boxes(int64_t samples, ImageSize image, double p,
                                   const WindowBounds& bounds, const at::Generator& generator) {
  CounterRandom random(
      static_cast<uint64_t>(draw_below(std::numeric_limits<int64_t>::max(), generator)));
  std::vector<Box> boxes(static_cast<size_t>(samples));
  for (Box& box : boxes) {
    if (!random.chance(p)) continue;
    const auto window = draw_erased_window(image.height, image.width, bounds, random);
    if (!window) continue;
    box = {.top = window->top,
           .left = window->left,
           .bottom = window->top + window->height,
           .right = window->left + window->width};
  }
  return boxes;
}

absl::StatusOr<std::unique_ptr<Algorithm>> BatchRandomErasing::create(const Config& config) {
  if (config.random() && config.has_value()) {
    return field_error("value", "is what is written where random is false; give one of the two");
  }
  return try_make<BatchRandomErasing>(
      BatchRandomErasingOptions{.p = config.p(),
                                .bounds = {.scale_min = config.scale_min(),
                                           .scale_max = config.scale_max(),
                                           .ratio_min = config.ratio_min(),
                                           .ratio_max = config.ratio_max()},
                                .value = config.value(),
                                .random = config.random(),
                                .input_key = config.input_key()});
}

BatchRandomErasing::BatchRandomErasing(BatchRandomErasingOptions options)
    : options_(std::move(options)) {
  if (!(options_.p >= 0 && options_.p <= 1))
    throw_if_error(field_error("p", "must be from 0 to 1"));
  throw_if_error(check_bounds(options_.bounds));
  if (!std::isfinite(options_.value)) throw_if_error(field_error("value", "must be finite"));
}

AlgorithmTraits BatchRandomErasing::traits() const {
  return {.events = {Event::kAfterDataloader}, .paper = "Zhong et al., 2017, arXiv:1708.04896"};
}

bool BatchRandomErasing::match(Event event, const State& state) const {
  return event == Event::kAfterDataloader;
}

void BatchRandomErasing::apply(Event event, State& state, Logger& logger) {
  const std::string key = input_key(options_.input_key, state.batch);
  const at::Tensor& images = state.batch.at(key);
  const at::Generator generator = state.generator(name());
  const std::vector<Box> boxes =
      draw_erased_boxes(images.size(0), image_size(images), options_.p, options_.bounds, generator);
  if (std::all_of(boxes.begin(), boxes.end(), is_empty)) return;
  TORCH_CHECK_VALUE(!options_.random || images.is_floating_point(),
                    "noise is written to images of floating point, not of ", images.scalar_type());
  const at::Tensor fill = options_.random ? draw_normal(images.sizes(), images.options(), generator)
                                          : at::full({}, options_.value, images.options());
  state.batch.set(key, erase_batch(images, boxes, fill));
}

COMPOSER_REGISTER(Algorithm, BatchRandomErasing);

}  // namespace composer
