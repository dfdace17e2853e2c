#include "composer/data/transforms/center_crop.h"

#include <algorithm>

#include "composer/base/status.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

// Half of it, a half pixel to the even side, as Python rounds.
int64_t half_to_even(int64_t twice) { return twice / 2 + (twice % 4 == 3 ? 1 : 0); }

}  // namespace

void center_crop(LazyImage& image, OutputSize size) {
  const int64_t rows = std::max<int64_t>(size.height - image.height(), 0);
  const int64_t columns = std::max<int64_t>(size.width - image.width(), 0);
  if (rows > 0 || columns > 0) {
    image.pad(rows / 2, (rows + 1) / 2, columns / 2, (columns + 1) / 2, 0);
  }
  image.crop(half_to_even(image.height() - size.height), half_to_even(image.width() - size.width),
             size.height, size.width);
}

absl::StatusOr<std::shared_ptr<CenterCrop>> CenterCrop::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const OutputSize size, size_of(config));
  return std::shared_ptr<CenterCrop>(new CenterCrop(size));
}

void CenterCrop::apply(LazyImage& image, CounterRandom& random) const { center_crop(image, size_); }

COMPOSER_REGISTER(ImageTransform, CenterCrop);

}  // namespace composer
