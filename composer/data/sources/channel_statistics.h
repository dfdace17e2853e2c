#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "composer/data/image.h"
#include "google/protobuf/repeated_field.h"

namespace composer {

/// What a config's `mean` and `std` say of images of `channels`: a value for each channel or one
/// for all; `defaults` for the field that is left out. Errors are about the fields "mean" and
/// "std".
absl::StatusOr<ChannelStatistics> read_channel_statistics(
    const google::protobuf::RepeatedField<double>& mean,
    const google::protobuf::RepeatedField<double>& std, int64_t channels,
    const ChannelStatistics& defaults);

/// ImageNet's of RGB; for 1 channel the mean over them.
ChannelStatistics image_net_statistics(int64_t channels);

}  // namespace composer
