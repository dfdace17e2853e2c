#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/core/tensor_dict.h"
#include "composer/data/formats/mds_folder.h"
#include "composer/data/formats/mds_value.h"
#include "composer/data/image.h"

namespace composer {

namespace config {
class Mds;
}

/// The columns of a folder of MDS shards that a config chooses, as tensors and at most one image.
/// Constant once made; for several threads.
class MdsSamples {
 public:
  /// Reads the index and checks the choice. Errors are about the fields "dir" and "columns".
  static absl::StatusOr<std::shared_ptr<const MdsSamples>> create(const config::Mds& config);

  const MdsFolder& folder() const { return *folder_; }
  bool has_image() const { return image_.has_value(); }
  bool has_tensors() const { return !tensors_.empty(); }

  /// The columns that are no image. Throws a StatusError with the shard, the sample and the column.
  TensorDict tensors(int64_t index) const;

  /// The image, decoded into `storage`, in 1 or 3 channels.
  ImageView image(int64_t index, int channels, std::vector<uint8_t>& storage) const;

 private:
  struct Column {
    size_t index;
    std::string name;
    std::string tensor;
    MdsEncoding encoding;
  };
  using Values = std::vector<absl::Span<const uint8_t>>;

  MdsSamples() = default;

  absl::Status choose(const MdsColumn& column, size_t index, const std::string& tensor);
  /// The values of a sample, in memory that the result holds.
  std::shared_ptr<const OpenMdsShard> read(int64_t index, Values& values) const;
  /// In messages: "DIR/shard.00001.mds, sample 5, column "x"".
  std::string place(int64_t index, const OpenMdsShard& shard, const Column& column) const;

  std::unique_ptr<const MdsFolder> folder_;
  std::vector<Column> tensors_;
  std::optional<Column> image_;
};

}  // namespace composer
