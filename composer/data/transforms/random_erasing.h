#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/transforms/image_transform.h"
#include "composer/data/transforms/random_window.h"

namespace composer {

namespace config {
class RandomErasing;
}

/// Writes `value` over every channel of a window. REQUIRES: it lies in the image.
void erase(const FloatImage& image, const ImageWindow& window, float value);

/// Writes normal noise, mean 0 and standard deviation 1, a draw for each pixel and channel.
void erase_with_noise(const FloatImage& image, const ImageWindow& window, CounterRandom& random);

/// Erases a window of random area and aspect ratio with probability p (Zhong et al., 2017,
/// arXiv:1708.04896).
class RandomErasing final : public FloatTransform {
 public:
  using Config = config::RandomErasing;

  /// Errors are about "p", "value" or a bound.
  static absl::StatusOr<std::shared_ptr<RandomErasing>> create(const Config& config);

  absl::string_view name() const override { return "random_erasing"; }
  void apply(const FloatImage& image, CounterRandom& random) const override;

 private:
  RandomErasing(const Config& config, const WindowBounds& bounds);

  const double p_;
  const WindowBounds bounds_;
  const float value_;
  const bool noise_;
};

}  // namespace composer
