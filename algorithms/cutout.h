#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "algorithms/box.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class CutOut;
}

/// `images`, [..., height, width], with zeros inside `holes`. A copy.
at::Tensor cutout_batch(const at::Tensor& images, absl::Span<const Box> holes);

struct CutOutOptions {
  int64_t num_holes = 1;
  /// The side of a hole as a part of the image's smaller side.
  double length = 0.5;
  /// Draws holes such that all pixels are in them equally often, see draw_box.
  bool uniform_sampling = false;
  /// The batch's tensor to act on; empty for Batch::input_name().
  std::string input_key = {};
};

/// Hides squares of the input, the same ones in all images of a batch, so that the model learns to
/// use all of an image (DeVries and Taylor, 2017, arXiv:1708.04552).
///
/// after_dataloader replaces the input; what follows, metrics of training included, sees nothing
/// else. A hole is cut off at the image's sides. Zero is the mean where inputs are normalised.
///
/// Differs from Composer: a hole of an odd side has it (Composer's lacks a pixel), and has one
/// pixel at least.
class CutOut final : public Algorithm {
 public:
  using Config = config::CutOut;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit CutOut(CutOutOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  CutOutOptions options_;
};

}  // namespace composer
