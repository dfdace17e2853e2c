#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "composer/data/image.h"
#include "composer/data/transforms/float_image.h"

/// Normalizer's work with AVX2 and FMA, eight floats at a time: several times as fast as looking
/// each byte up. It computes x / 255 as x * (1 / 255), where the reciprocal is held in two floats
/// and the products are added by one FMA, and the same for the division by std. That nearly always
/// rounds as a division does; whether it does for all 256 bytes is for the caller to check.
///
/// The functions that write must only be called where `supported()`.
namespace composer::avx2 {

bool supported();

constexpr int64_t kMostChannels = 64;

/// Floats for each channel: eight times its mean, and its 1 / std in two parts.
constexpr int kConstants = 24;

std::vector<float> planar_constants(const ChannelStatistics& statistics);
/// For channels that alternate: `channels` times eight means, and the same of the two parts.
std::vector<float> interleaved_constants(const ChannelStatistics& statistics);

/// `table`: what each byte becomes, for each channel. REQUIRES: the rows of
/// `out` lie one behind the other, and so do the values of a row.
void write_planar(const PaddedImage& image, const FloatImage& out,
                  const std::array<float, 256>* table, const float* constants);
/// REQUIRES: out.channel_stride is 1, out.column_stride the number of channels, kMostChannels at
/// most.
void write_interleaved(const PaddedImage& image, const FloatImage& out,
                       const std::array<float, 256>* table, const float* constants);

}  // namespace composer::avx2
