#pragma once

#include "composer/data/image.h"
#include "composer/data/transforms/lazy_image.h"

namespace composer {

// Tones and colours as the Python Imaging Library changes them, bit for bit; torchvision, which
// color.h follows, rounds greys and mixtures in another way. Images have one channel, grey, or
// three, RGB.

/// Stretches each channel to 0 to 255.
void autocontrast(const MutableImageView& image);

/// Makes the values of each channel equally frequent, as far as its histogram allows.
void equalize(const MutableImageView& image);

/// Keeps the highest bits, 0 to 8 of them, of each byte.
void posterize(const MutableImageView& image, int bits);

/// Inverts the values from `threshold`, 0 to 256, on.
void solarize(const MutableImageView& image, int threshold);

/// By a factor from 0: 0 gives a grey image, 1 the image itself. Grey images stay.
void enhance_color(const MutableImageView& image, double factor);

/// The same, where 0 gives the mean grey everywhere.
void enhance_contrast(const MutableImageView& image, double factor);

/// The same, where 0 gives the image with each pixel a weighted mean of itself and its neighbours;
/// pixels at the border stay.
void enhance_sharpness(LazyImage& image, double factor);

}  // namespace composer
