#include "composer/data/transforms/normalize.h"

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/image.h"
#include "composer/data/transforms/registry.h"
#include "proto/transform.pb.h"

namespace composer {
namespace {

absl::StatusOr<std::vector<double>> for_channels(const char* field,
                                                 const std::vector<double>& values,
                                                 const std::vector<double>& own) {
  if (values.empty()) return own;
  if (values.size() == 1) return std::vector<double>(own.size(), values[0]);
  if (values.size() == own.size()) return values;
  return field_error(field, absl::StrCat(values.size(), " values, but the images have ", own.size(),
                                         own.size() == 1 ? " channel" : " channels",
                                         "; expected one value, or one for each channel"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Normalize>> Normalize::create(const Config& config) {
  for (int i = 0; i < config.mean_size(); ++i) {
    if (!is_float_mean(config.mean(i))) {
      return field_error(
          absl::StrCat("mean[", i, "]"),
          absl::StrCat("mean is ", config.mean(i), "; it must be finite, as a float"));
    }
  }
  for (int i = 0; i < config.std_size(); ++i) {
    if (!is_float_std(config.std(i))) {
      return field_error(
          absl::StrCat("std[", i, "]"),
          absl::StrCat("std is ", config.std(i), "; it must be above 0, as a float"));
    }
  }
  return std::shared_ptr<Normalize>(new Normalize(config));
}

Normalize::Normalize(const Config& config)
    : mean_(config.mean().begin(), config.mean().end()),
      std_(config.std().begin(), config.std().end()) {}

absl::StatusOr<ChannelStatistics> Normalize::statistics(const ChannelStatistics& own) const {
  ChannelStatistics result;
  COMPOSER_ASSIGN_OR_RETURN(result.mean, for_channels("mean", mean_, own.mean));
  COMPOSER_ASSIGN_OR_RETURN(result.std, for_channels("std", std_, own.std));
  return result;
}

COMPOSER_REGISTER(ImageTransform, Normalize);

}  // namespace composer
