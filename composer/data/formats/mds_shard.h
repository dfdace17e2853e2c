#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/formats/mds_index.h"

namespace composer {

/// The samples of one uncompressed MDS shard, which stay where they are. Every position that the
/// shard holds is checked before it is used. Opening costs the same for any number of samples.
class MdsShard {
 public:
  /// `bytes` must outlive this. `name` is the file's in messages. DataLoss when it does not have
  /// `samples` samples from end to end.
  static absl::StatusOr<MdsShard> open(absl::Span<const uint8_t> bytes,
                                       const std::vector<MdsColumn>& columns, int64_t samples,
                                       std::string name);

  int64_t size() const { return samples_; }

  /// The encoded value of each column; 0 <= index < size(). DataLoss names the sample.
  absl::Status read(int64_t index, std::vector<absl::Span<const uint8_t>>& values) const;

  const std::string& name() const { return name_; }

 private:
  MdsShard() = default;

  std::string name_;
  absl::Span<const uint8_t> bytes_;
  int64_t samples_ = 0;
  // Of each column's values; 0 where they differ.
  std::vector<int64_t> sizes_;
};

}  // namespace composer
