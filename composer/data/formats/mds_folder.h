#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/base/mapped_file.h"
#include "composer/data/formats/mds_index.h"
#include "composer/data/formats/mds_shard.h"
#include "composer/data/formats/page_memory.h"
#include "composer/data/formats/shard_cache.h"

namespace composer {

/// A shard and the memory that it lies in: its file, mapped, or what was decompressed of it.
struct OpenMdsShard {
  std::variant<MappedFile, PageMemory> memory;
  MdsShard shard;
};

struct MdsFolderOptions {
  /// Checks the hashes of each file that is opened.
  bool verify = false;
  /// Decompressed shards are kept up to so many bytes together, and the last one in any case.
  int64_t cache_bytes = int64_t{2} << 30;
};

/// A local folder of MDS shards. Constant once opened: shards may be asked for in several threads.
class MdsFolder {
 public:
  struct Place {
    int64_t shard;
    int64_t index;
  };

  /// Reads DIR/index.json and looks at the shards' sizes, without reading them. Errors name the
  /// file.
  static absl::StatusOr<std::unique_ptr<MdsFolder>> open(const std::string& dir,
                                                         const MdsFolderOptions& options = {});

  const std::vector<MdsColumn>& columns() const { return index_.columns; }
  /// Samples of all shards.
  int64_t size() const { return starts_.back(); }
  int64_t num_shards() const { return static_cast<int64_t>(index_.shards.size()); }
  /// The first sample of a shard; for num_shards(), size().
  int64_t start(int64_t shard) const { return starts_[shard]; }
  Place locate(int64_t sample) const;

  /// An uncompressed file is preferred where both are there. What was opened lately is kept.
  absl::StatusOr<std::shared_ptr<const OpenMdsShard>> shard(int64_t shard) const;

 private:
  MdsFolder(std::string dir, const MdsFolderOptions& options, MdsIndex index);

  std::string path_of(const MdsFile& file) const;
  absl::StatusOr<MappedFile> map(const MdsFile& file) const;
  absl::StatusOr<std::shared_ptr<const OpenMdsShard>> open_shard(int64_t shard) const;

  const std::string dir_;
  const MdsFolderOptions options_;
  const MdsIndex index_;
  std::vector<int64_t> starts_ = {0};
  // By shard: whether its uncompressed file is there.
  std::vector<bool> has_raw_;
  mutable ShardCache<OpenMdsShard> cache_;
};

}  // namespace composer
