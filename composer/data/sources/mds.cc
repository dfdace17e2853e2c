#include "composer/data/sources/mds.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/collate.h"
#include "composer/data/registry.h"
#include "composer/data/sources/channel_statistics.h"
#include "proto/dataset.pb.h"

namespace composer {
absl::StatusOr<std::shared_ptr<Dataset>> Mds::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(std::shared_ptr<const MdsSamples> samples, MdsSamples::create(config));
  return over(std::move(samples), config);
}

absl::StatusOr<std::shared_ptr<Dataset>> Mds::over(std::shared_ptr<const MdsSamples> samples,
                                                   const Config& config) {
  std::string name = absl::StrCat("mds (", config.dir(), ")");
  if (samples->has_image()) return MdsImages::create(std::move(samples), config, std::move(name));
  for (const auto& [field, given] :
       {std::pair("channels", config.has_channels()), std::pair("mean", config.mean_size() > 0),
        std::pair("std", config.std_size() > 0)}) {
    if (given) {
      return field_error(field, absl::StrCat("is for images, of which ", config.dir(),
                                             " has none among the columns that are read"));
    }
  }
  return std::shared_ptr<Dataset>(new Mds(std::move(samples), std::move(name)));
}

absl::StatusOr<std::shared_ptr<MdsImages>> MdsImages::create(
    std::shared_ptr<const MdsSamples> samples, const config::Mds& config, std::string name) {
  const int64_t channels = config.channels();
  if (channels != 1 && channels != 3) {
    return field_error("channels",
                       absl::StrCat("channels is ", channels, "; it is 1 for grey or 3 for RGB"));
  }
  COMPOSER_ASSIGN_OR_RETURN(ChannelStatistics statistics,
                            read_channel_statistics(config.mean(), config.std(), channels,
                                                    image_net_statistics(channels)));
  return std::shared_ptr<MdsImages>(
      new MdsImages(std::move(samples), std::move(statistics), std::move(name)));
}

ImageView MdsImages::image(int64_t index, std::vector<uint8_t>& storage) const {
  return samples_->image(index, static_cast<int>(statistics_.mean.size()), storage);
}

Batch MdsImages::companions(absl::Span<const int64_t> indices) const {
  if (!samples_->has_tensors()) return {};
  std::vector<TensorDict> samples;
  samples.reserve(indices.size());
  for (const int64_t index : indices) samples.push_back(samples_->tensors(index));
  return collate(samples);
}

COMPOSER_REGISTER(Dataset, Mds);

}  // namespace composer
