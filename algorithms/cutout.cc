#include "algorithms/cutout.h"

#include <algorithm>
#include <vector>

#include "algorithms/keys.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {

at::Tensor cutout_batch(const at::Tensor& images, absl::Span<const Box> holes) {
  at::Tensor cut = images.clone();
  for (const Box& hole : holes) inside(cut, hole).zero_();
  return cut;
}

absl::StatusOr<std::unique_ptr<Algorithm>> CutOut::create(const Config& config) {
  return try_make<CutOut>(CutOutOptions{.num_holes = config.num_holes(),
                                        .length = config.length(),
                                        .uniform_sampling = config.uniform_sampling(),
                                        .input_key = config.input_key()});
}

CutOut::CutOut(CutOutOptions options) : options_(std::move(options)) {
  if (options_.num_holes < 1) throw_if_error(field_error("num_holes", "must be at least 1"));
  if (!(options_.length > 0 && options_.length <= 1)) {
    throw_if_error(field_error("length", "must be above 0 and at most 1"));
  }
}

AlgorithmTraits CutOut::traits() const {
  return {.events = {Event::kAfterDataloader},
          .paper = "DeVries and Taylor, 2017, arXiv:1708.04552"};
}

bool CutOut::match(Event event, const State& state) const {
  return event == Event::kAfterDataloader;
}

void CutOut::apply(Event event, State& state, Logger& logger) {
  const std::string key = input_key(options_.input_key, state.batch);
  const at::Tensor& images = state.batch.at(key);
  const ImageSize image = image_size(images);
  const double smaller = static_cast<double>(std::min(image.height, image.width));
  const int64_t side = std::max<int64_t>(static_cast<int64_t>(options_.length * smaller), 1);
  const at::Generator generator = state.generator(name());
  std::vector<Box> holes;
  for (int64_t i = 0; i < options_.num_holes; ++i) {
    holes.push_back(draw_box({side, side}, image, options_.uniform_sampling, generator));
  }
  state.batch.set(key, cutout_batch(images, holes));
}

COMPOSER_REGISTER(Algorithm, CutOut);

}  // namespace composer
