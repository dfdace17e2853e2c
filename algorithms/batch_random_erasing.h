#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "algorithms/box.h"
#include "composer/core/algorithm.h"
#include "composer/data/transforms/random_window.h"

namespace composer {

namespace config {
class BatchRandomErasing;
}

/// `images`, [samples, ..., height, width], with the box of each image filled from `fill`, which
/// broadcasts against them: a number, or noise of their shape. An empty box fills nothing. A copy.
at::Tensor erase_batch(const at::Tensor& images, absl::Span<const Box> boxes,
                       const at::Tensor& fill);

/// A box for each of `samples` images; an empty one with probability 1 - `p`, and where ten draws
/// gave none that fits.
std::vector<Box> draw_erased_boxes(int64_t samples, ImageSize image, double p,
                                   const WindowBounds& bounds, const at::Generator& generator);

struct BatchRandomErasingOptions {
  /// How likely an image is erased in.
  double p = 0.5;
  /// Of the box's area as a part of the image's, and of its height over its width.
  WindowBounds bounds = {.scale_min = 0.02, .scale_max = 0.33, .ratio_min = 0.3, .ratio_max = 3.3};
  /// What is written; nothing where it is normal noise, a draw for each pixel and channel.
  double value = 0;
  bool random = false;
  /// The batch's tensor to act on; empty for Batch::input_name().
  std::string input_key = {};
};

/// Erases a box of each image, so that the model learns to do without any part (Zhong et al., 2017,
/// arXiv:1708.04896), with torchvision's parameters and distribution. The transform RandomErasing
/// does the same while images are loaded; here it acts on the whole batch, on the model's device,
/// and on inputs that no transform made.
///
/// after_dataloader replaces the input; what follows, metrics of training included, sees nothing
/// else. Has no state.
class BatchRandomErasing final : public Algorithm {
 public:
  using Config = config::BatchRandomErasing;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit BatchRandomErasing(BatchRandomErasingOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  const BatchRandomErasingOptions options_;
};

}  // namespace composer
