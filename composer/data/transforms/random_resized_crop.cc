#include "composer/data/transforms/random_resized_crop.h"

#include "composer/base/status.h"
#include "composer/data/transforms/filter_of.h"
#include "composer/data/transforms/registry.h"
#include "composer/data/transforms/resize.h"
#include "proto/transform.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<RandomResizedCrop>> RandomResizedCrop::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const OutputSize size, size_of(config));
  const WindowBounds bounds{
      .scale_min = config.scale_min(),
      .scale_max = config.scale_max(),
      .ratio_min = config.ratio_min(),
      .ratio_max = config.ratio_max(),
  };
  COMPOSER_RETURN_IF_ERROR(check_bounds(bounds));
  return std::shared_ptr<RandomResizedCrop>(new RandomResizedCrop(config, size, bounds));
}

RandomResizedCrop::RandomResizedCrop(const Config& config, OutputSize size,
                                     const WindowBounds& bounds)
    : size_(size),
      bounds_(bounds),
      filter_(filter_of(config.interpolation())),
      antialias_(config.antialias()) {}

void RandomResizedCrop::apply(LazyImage& image, CounterRandom& random) const {
  const ImageWindow window = draw_crop_window(image.height(), image.width(), bounds_, random);
  image.crop(window.top, window.left, window.height, window.width);
  resize(image, size_, filter_, antialias_);
}

COMPOSER_REGISTER(ImageTransform, RandomResizedCrop);

}  // namespace composer
