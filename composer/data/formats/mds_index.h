#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// A file as the index knows it.
struct MdsFile {
  /// Relative to the folder, and inside it.
  std::string basename;
  int64_t bytes = 0;
  /// Algorithm and digest in hexadecimal.
  std::vector<std::pair<std::string, std::string>> hashes;
};

struct MdsColumn {
  std::string name;
  /// As the format spells it: "int", "ndarray:float32:3,4".
  std::string encoding;
  /// Bytes of every value; 0 where they differ.
  int64_t size = 0;
};

struct MdsShardInfo {
  int64_t samples = 0;
  MdsFile raw;
  /// The same compressed by zstd, where that was asked for.
  std::optional<MdsFile> zip;
};

/// The index.json of a folder of MDS shards, version 2.
/// https://docs.mosaicml.com/projects/streaming/en/stable/preparing_datasets/dataset_format.html
struct MdsIndex {
  /// The same for all shards.
  std::vector<MdsColumn> columns;
  std::vector<MdsShardInfo> shards;
};

/// Reads an index.json. DataLoss with the byte or the place ("shards[3].raw_data.bytes"), what was
/// expected there and what was found; Unimplemented for compressions other than zstd and for other
/// formats and versions. `name` is the file's in messages.
absl::StatusOr<MdsIndex> parse_mds_index(absl::string_view json, absl::string_view name);

}  // namespace composer
