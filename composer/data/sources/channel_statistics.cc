#include "composer/data/sources/channel_statistics.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "composer/base/status.h"
#include "composer/data/image.h"

namespace composer {
namespace {

absl::StatusOr<std::vector<double>> read(absl::string_view field,
                                         const google::protobuf::RepeatedField<double>& values,
                                         int64_t channels, const std::vector<double>& defaults) {
  if (values.empty()) return defaults;
  if (values.size() != channels && values.size() != 1) {
    return field_error(
        field, absl::StrCat(field, " has ", values.size(), " values; the images have ", channels,
                            channels == 1 ? " channel" : " channels"));
  }
  for (int i = 0; i < values.size(); ++i) {
    if (!(field == "std" ? is_float_std(values[i]) : is_float_mean(values[i]))) {
      return field_error(absl::StrCat(field, "[", i, "]"),
                         absl::StrCat(field, " is ", values[i], "; it must be ",
                                      field == "std" ? "above 0" : "finite", ", as a float"));
    }
  }
  if (values.size() == channels) return std::vector<double>(values.begin(), values.end());
  return std::vector<double>(static_cast<size_t>(channels), values[0]);
}

}  // namespace

absl::StatusOr<ChannelStatistics> read_channel_statistics(
    const google::protobuf::RepeatedField<double>& mean,
    const google::protobuf::RepeatedField<double>& std, int64_t channels,
    const ChannelStatistics& defaults) {
  ChannelStatistics statistics;
  COMPOSER_ASSIGN_OR_RETURN(statistics.mean, read("mean", mean, channels, defaults.mean));
  COMPOSER_ASSIGN_OR_RETURN(statistics.std, read("std", std, channels, defaults.std));
  return statistics;
}

ChannelStatistics image_net_statistics(int64_t channels) {
  if (channels == 1) return {{0.449}, {0.226}};
  return {{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}};
}

}  // namespace composer
