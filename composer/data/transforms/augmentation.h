#pragma once

#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "composer/base/counter_random.h"
#include "composer/data/transforms/lazy_image.h"

namespace composer {

// What RandAugment and AugMix choose from: operations of the Python Imaging Library, as Composer's
// augmentation_primitives use them.

/// What an operation does, and what its amount means. In Composer's order.
enum class Augmentation {
  /// Stretches each channel to 0 to 255; no amount.
  kAutocontrast,
  /// Makes each channel's values equally frequent; no amount.
  kEqualize,
  /// How many bits are kept, 0 to 8.
  kPosterize,
  /// Degrees, counterclockwise. As in the next four, what comes from outside is 0.
  kRotate,
  /// The value from which on, 0 to 256, values are inverted.
  kSolarize,
  /// How many columns further to the right a pixel comes from, for each row further down.
  kShearX,
  /// How many rows further down a pixel comes from, for each column further to the right.
  kShearY,
  /// How many columns further to the right, or rows further down, all pixels come from.
  kTranslateX,
  kTranslateY,
  /// A factor from 0: 1 changes nothing, 0 gives a grey image.
  kColor,
  /// The same; 0 gives the mean everywhere.
  kContrast,
  /// The same; 0 gives black.
  kBrightness,
  /// The same; 0 gives a smoothed image.
  kSharpness,
};

/// Which operations are drawn.
enum class AugmentationSet {
  kAll,
  /// Those before kColor: without what benchmarks of robustness to corruption measure.
  kSafe,
  /// All, with the paper's amounts of kColor and those after it.
  kOriginal,
};

struct DrawnAugmentation {
  Augmentation augmentation;
  double amount;
};

/// Operations that follow one another.
using AugmentationChain = absl::InlinedVector<DrawnAugmentation, 4>;

/// REQUIRES: the image has one channel, grey, or three, RGB.
void augment(LazyImage& image, const DrawnAugmentation& drawn);

/// The amount at a level, 0 to 10, for an image of `height` and `width`; of those that go two ways
/// the positive one. For kColor and those after it, that of AugmentationSet::kOriginal.
double amount_at(Augmentation augmentation, double level, int64_t height, int64_t width);

/// `depth` operations, each as likely as the others, at levels up to `severity`, 0 to 10. Levels
/// are uniform from 0.1, or the severity if that is less; those that go two ways do so equally
/// often. Of kAll, kColor and those after it have a factor that is above 1 as often as below:
/// uniform up to `severity`, or down to 1 - 0.09 severity.
///
/// Differs from Composer: brightness above 1 goes up by three quarters of what was drawn, where
/// Composer takes three quarters of the whole factor, which makes many images darker; with
/// severities below 1 factors above 1 are 1, where Composer's fall below it the more the lower the
/// severity is; a severity of 0 turns, shears and moves nothing.
AugmentationChain draw_augmentations(AugmentationSet set, double severity, int64_t depth,
                                     int64_t height, int64_t width, CounterRandom& random);

/// Throws, with the transform's name, for an image that is neither grey nor RGB.
void check_augmentable(absl::string_view transform, const LazyImage& image);

}  // namespace composer
