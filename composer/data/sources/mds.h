#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/dataset.h"
#include "composer/data/image_dataset.h"
#include "composer/data/sources/mds_samples.h"

namespace composer {

/// Samples of MosaicML Streaming's MDS shards in a local folder, by index. Numbers and arrays keep
/// their types, but for integers of `target`, `labels` and `input_ids`, which come as int64; str
/// and json become their UTF-8 bytes, int64 [length]; bytes are uint8 [length]. A compressed shard
/// is decompressed when its first sample is asked for, and 2 GiB of them are kept: a larger folder
/// wants to be read as a stream, or decompressed beforehand. Images make it an MdsImages.
class Mds final : public Dataset {
 public:
  using Config = config::Mds;

  /// Errors are about the fields "dir", "columns", "channels", "mean" and "std".
  static absl::StatusOr<std::shared_ptr<Dataset>> create(const Config& config);
  /// The same over samples that are open already.
  static absl::StatusOr<std::shared_ptr<Dataset>> over(std::shared_ptr<const MdsSamples> samples,
                                                       const Config& config);

  int64_t size() const override { return samples_->folder().size(); }
  TensorDict get(int64_t index) const override { return samples_->tensors(index); }
  std::string name() const override { return name_; }

 private:
  Mds(std::shared_ptr<const MdsSamples> samples, std::string name)
      : samples_(std::move(samples)), name_(std::move(name)) {}

  const std::shared_ptr<const MdsSamples> samples_;
  const std::string name_;
};

/// The same with a column of images (jpeg, png or pil), which becomes `input`.
class MdsImages final : public ImageDataset {
 public:
  static absl::StatusOr<std::shared_ptr<MdsImages>> create(
      std::shared_ptr<const MdsSamples> samples, const config::Mds& config, std::string name);

  int64_t size() const override { return samples_->folder().size(); }
  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override;
  Batch companions(absl::Span<const int64_t> indices) const override;
  const ChannelStatistics& statistics() const override { return statistics_; }
  std::string name() const override { return name_; }

 private:
  MdsImages(std::shared_ptr<const MdsSamples> samples, ChannelStatistics statistics,
            std::string name)
      : samples_(std::move(samples)), statistics_(std::move(statistics)), name_(std::move(name)) {}

  const std::shared_ptr<const MdsSamples> samples_;
  const ChannelStatistics statistics_;
  const std::string name_;
};

}  // namespace composer
