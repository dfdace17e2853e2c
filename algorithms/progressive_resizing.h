#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "algorithms/box.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class ProgressiveResizing;
}

/// How ProgressiveResizing makes images smaller.
enum class ResizingMode {
  /// By the nearest pixel.
  kResize,
  /// To a window at a random place, the same for all images of a batch.
  kCrop,
};

struct ProgressiveResizingOptions {
  ResizingMode mode = ResizingMode::kResize;
  /// The sides of images at first, as a part of the full ones.
  double initial_scale = 0.5;
  /// The part of training at the end that is on full images.
  double finetune_fraction = 0.2;
  /// The part of training at the start during which images do not grow.
  double delay_fraction = 0.5;
  /// Sides are multiples of it.
  int64_t size_increment = 4;
  /// Targets for each pixel are made smaller too.
  bool resize_targets = false;
  /// The batch's tensors to act on; empty for Batch::input_name() and Batch::target_name().
  std::string input_key = {};
  std::string target_key = {};
};

/// The sides of images as a part of the full ones, after a part `elapsed` of training.
double resizing_scale(double elapsed, const ProgressiveResizingOptions& options);

/// `image` times `scale`, each side rounded to a multiple of `increment`, at least one and at most
/// what it was.
ImageSize scaled_size(ImageSize image, double scale, int64_t increment);

/// `images`, [N, H, W] or [N, C, H, W] of any type, with sides `size` of their nearest pixels.
at::Tensor resize_batch(const at::Tensor& images, ImageSize size);

/// Trains on small images first, which is cheaper, and lets them grow to full size in time for the
/// end (Howard and Gugger, 2020, Deep Learning for Coders with fastai and PyTorch, chapter 7).
///
/// after_dataloader replaces the input, and with `resize_targets` the targets; what follows,
/// metrics of training included, sees nothing else. Logs `progressive_resizing/` `height`, `width`
/// and `scale_factor`.
///
/// Differs from Composer: images grow within an epoch too; each side is rounded by itself, where
/// Composer scales the height as the rounded width; sides have one increment at least; a crop can
/// lie at the last row and column too; delay and finetuning may take all of training, which then
/// knows two sizes (Composer divides by zero).
class ProgressiveResizing final : public Algorithm {
 public:
  using Config = config::ProgressiveResizing;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit ProgressiveResizing(ProgressiveResizingOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  ProgressiveResizingOptions options_;
};

}  // namespace composer
