#include "composer/data/sample_cost.h"

#include <cstdint>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/data/image_dataset.h"

namespace composer {
namespace {

// The look-up, and whatever does not grow with the sample.
constexpr double kEach = 10;
// Memory gives some 8 GB/s; a pixel is normalised in half a nanosecond, and moved, turned or mixed
// with others in a few.
constexpr double kByte = 0.125;
constexpr double kPixel = 0.5;
constexpr double kTransformedPixel = 3;

std::optional<double> of_image(const ImageDataset& dataset, bool transformed) {
  std::vector<uint8_t> decoded;
  const ImageView image = dataset.image(0, decoded);
  if (!decoded.empty()) return std::nullopt;
  const auto pixels = static_cast<double>(image.channels * image.height * image.width);
  return kEach + pixels * (transformed ? kTransformedPixel : kPixel);
}

double of_copy(const BatchedDataset& dataset) {
  size_t bytes = 0;
  for (const auto& [name, tensor] : dataset.get(0)) bytes += tensor.nbytes();
  return kEach + static_cast<double>(bytes) * kByte;
}

}  // namespace

std::optional<double> nanoseconds_per_sample(const Dataset& dataset, bool transformed) {
  if (dataset.size() == 0) return std::nullopt;
  std::optional<double> cost;
  // A first sample that cannot be read tells nothing here; the loader says so when it comes to it.
  const absl::Status unread = catch_exceptions([&] {
    if (const auto* images = dynamic_cast<const ImageDataset*>(&dataset)) {
      cost = of_image(*images, transformed);
    } else if (const auto* rows = dynamic_cast<const BatchedDataset*>(&dataset)) {
      cost = of_copy(*rows);
    }
  });
  return cost;
}

}  // namespace composer
