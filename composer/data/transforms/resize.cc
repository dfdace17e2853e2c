#include "composer/data/transforms/resize.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/transforms/filter_of.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

// As many as an image file may have: formats/decoded_image.h.
constexpr int64_t kMostPixels = 178'956'970;

}  // namespace

void resize(LazyImage& image, OutputSize size, ResampleFilter filter, bool antialias) {
  if (image.height() == size.height && image.width() == size.width) return;
  if (size.height > kMostPixels / size.width) {
    throw_if_error(absl::InvalidArgumentError(
        absl::StrCat("resize: an image of ", image.height(), "x", image.width(),
                     " pixels (height x width) would become ", size.height, "x", size.width)));
  }
  const ImageView pixels = image.pixels();
  const MutableImageView out = image.replace(size.height, size.width);
  resample(pixels, out, filter, antialias, image.scratch().resample);
}

OutputSize resized_by_shorter_side(OutputSize size, int64_t shorter) {
  if (size.width <= size.height) return {shorter * size.height / size.width, shorter};
  return {shorter, shorter * size.width / size.height};
}

absl::StatusOr<std::shared_ptr<Resize>> Resize::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const OutputSize size, size_of(config));
  return std::shared_ptr<Resize>(new Resize(config, size));
}

Resize::Resize(const Config& config, OutputSize size)
    : size_(size),
      by_shorter_side_(config.has_size()),
      filter_(filter_of(config.interpolation())),
      antialias_(config.antialias()) {}

void Resize::apply(LazyImage& image, CounterRandom& random) const {
  const OutputSize size =
      by_shorter_side_ ? resized_by_shorter_side({image.height(), image.width()}, size_.width)
                       : size_;
  resize(image, size, filter_, antialias_);
}

COMPOSER_REGISTER(ImageTransform, Resize);

}  // namespace composer
