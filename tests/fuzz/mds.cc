#include <algorithm>
#include <cstring>
#include <vector>

#include "composer/data/formats/mds_index.h"
#include "composer/data/formats/mds_shard.h"
#include "composer/data/formats/mds_value.h"
#include "composer/data/formats/zstd.h"
#include "tests/fuzz/allocation_guard.h"

namespace {

using Bytes = absl::Span<const uint8_t>;

void decode(const composer::MdsColumn& column, Bytes value) {
  const auto encoding = composer::parse_mds_encoding(column.encoding);
  if (!encoding.ok()) return;
  if (encoding->kind == composer::MdsEncoding::Kind::PIXELS) {
    (void)composer::view_mds_pixels(value);
  } else {
    (void)composer::view_mds_array(*encoding, value);
  }
}

void read_shard(const composer::MdsIndex& index, int64_t samples, Bytes bytes) {
  const auto shard = composer::MdsShard::open(bytes, index.columns, samples, "shard");
  if (!shard.ok()) return;
  std::vector<Bytes> values;
  for (int64_t i = 0; i < std::min<int64_t>(samples, 32); ++i) {
    if (!shard->read(i, values).ok()) continue;
    for (size_t c = 0; c < values.size(); ++c) decode(index.columns[c], values[c]);
  }
}

}  // namespace

// The index, a zero byte, and what all its shards are taken to hold.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const composer::AllocationGuard guard(size);
  const Bytes input(data, size);
  const size_t end = std::find(input.begin(), input.end(), 0) - input.begin();
  const Bytes shard = input.subspan(std::min(end + 1, size));
  const auto index =
      composer::parse_mds_index({reinterpret_cast<const char*>(data), end}, "index.json");
  if (!index.ok()) return 0;
  for (size_t i = 0; i < std::min<size_t>(index->shards.size(), 4); ++i) {
    const composer::MdsShardInfo& info = index->shards[i];
    if (!info.zip) {
      read_shard(*index, info.samples, shard);
      continue;
    }
    const auto raw = composer::decompress_zstd(shard, info.raw.bytes, "shard");
    if (raw.ok()) read_shard(*index, info.samples, raw->bytes());
  }
  return 0;
}
