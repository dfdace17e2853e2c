#pragma once

#include "composer/data/image.h"

namespace composer {

// Colours as torchvision.transforms.v2.functional changes them in tensors of bytes, in place.
// Images have one channel, grey, or three, RGB; saturation and hue leave grey as it is.

/// Multiplies by `factor`, which is 0 or more; 1 changes nothing.
void adjust_brightness(const MutableImageView& image, double factor);

/// Moves every pixel away from the mean of the grey image by `factor`.
void adjust_contrast(const MutableImageView& image, double factor);

/// Moves every pixel away from its grey value by `factor`.
void adjust_saturation(const MutableImageView& image, double factor);

/// Turns the hue by `shift`, from -0.5 to 0.5 of the circle.
void adjust_hue(const MutableImageView& image, double shift);

}  // namespace composer
