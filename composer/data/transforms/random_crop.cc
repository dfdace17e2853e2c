#include "composer/data/transforms/random_crop.h"

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

constexpr int64_t kMostPadding = 1 << 15;

}  // namespace

absl::StatusOr<std::shared_ptr<RandomCrop>> RandomCrop::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const OutputSize size, size_of(config));
  if (config.padding() < 0 || config.padding() > kMostPadding) {
    return field_error("padding", absl::StrCat("padding is ", config.padding(), "; expected 0 to ",
                                               kMostPadding, " pixels"));
  }
  if (config.fill() < 0 || config.fill() > 255) {
    return field_error("fill", absl::StrCat("fill is ", config.fill(), "; expected 0 to 255"));
  }
  return std::shared_ptr<RandomCrop>(new RandomCrop(config, size));
}

RandomCrop::RandomCrop(const Config& config, OutputSize size)
    : size_(size), padding_(config.padding()), fill_(static_cast<uint8_t>(config.fill())) {}

void RandomCrop::apply(LazyImage& image, CounterRandom& random) const {
  if (padding_ > 0) image.pad(padding_, padding_, padding_, padding_, fill_);
  const int64_t rows = image.height() - size_.height;
  const int64_t columns = image.width() - size_.width;
  if (rows < 0 || columns < 0) {
    throw_if_error(absl::InvalidArgumentError(
        absl::StrCat("random_crop: the image is ", image.height(), "x", image.width(),
                     " pixels (height x width), its padding included; expected at least ",
                     size_.height, "x", size_.width, ": add a resize in front, or more padding")));
  }
  const int64_t top = random.below(rows + 1);
  const int64_t left = random.below(columns + 1);
  image.crop(top, left, size_.height, size_.width);
}

COMPOSER_REGISTER(ImageTransform, RandomCrop);

}  // namespace composer
