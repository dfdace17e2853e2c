#include "composer/data/formats/mds_shard.h"

#include <bit>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr size_t kWord = sizeof(uint32_t);

uint32_t word(absl::Span<const uint8_t> bytes, size_t position) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + position, kWord);
  return value;
}

}  // namespace

absl::StatusOr<MdsShard> MdsShard::open(absl::Span<const uint8_t> bytes,
                                        const std::vector<MdsColumn>& columns, int64_t samples,
                                        std::string name) {
  const auto bad = [&](size_t byte, absl::string_view expected, absl::string_view found) {
    return absl::DataLossError(
        absl::StrCat(name, ": byte ", byte, ": expected ", expected, ", found ", found));
  };
  if (bytes.size() < kWord) {
    return bad(0, "the number of samples (4 bytes)",
               bytes.empty() ? "an empty file" : absl::StrCat("only ", bytes.size()));
  }
  if (word(bytes, 0) != static_cast<uint64_t>(samples)) {
    return bad(0, absl::StrCat(samples, " samples, as the index says"),
               absl::StrCat(word(bytes, 0)));
  }
  const uint64_t table_end = kWord * (static_cast<uint64_t>(samples) + 2);
  if (bytes.size() < table_end) {
    return bad(kWord, absl::StrCat("the positions of ", samples, " samples"),
               absl::StrCat("the end of the file after ", bytes.size() - kWord, " bytes"));
  }
  if (word(bytes, kWord) < table_end) {
    return bad(kWord, absl::StrCat("a first sample at byte ", table_end, " or later"),
               absl::StrCat("one at ", word(bytes, kWord)));
  }
  if (word(bytes, table_end - kWord) != bytes.size()) {
    return bad(table_end - kWord, absl::StrCat("the end at byte ", bytes.size()),
               absl::StrCat(word(bytes, table_end - kWord)));
  }
  MdsShard shard;
  shard.name_ = std::move(name);
  shard.bytes_ = bytes;
  shard.samples_ = samples;
  for (const MdsColumn& column : columns) shard.sizes_.push_back(column.size);
  return shard;
}

absl::Status MdsShard::read(int64_t index, std::vector<absl::Span<const uint8_t>>& values) const {
  const auto bad = [&](absl::string_view expected, absl::string_view found) {
    return absl::DataLossError(
        absl::StrCat(name_, ", sample ", index, ": expected ", expected, ", found ", found));
  };
  const size_t entry = kWord * (static_cast<size_t>(index) + 1);
  const uint32_t begin = word(bytes_, entry), end = word(bytes_, entry + kWord);
  if (begin > end || end > bytes_.size()) {
    return bad(absl::StrCat("a range within ", bytes_.size(), " bytes"),
               absl::StrCat(begin, " to ", end));
  }
  const absl::Span<const uint8_t> sample = bytes_.subspan(begin, end - begin);

  // First the sizes of the values that have no fixed one, then all values.
  values.resize(sizes_.size());
  size_t head = 0;
  for (const int64_t size : sizes_) head += size == 0 ? kWord : 0;
  if (sample.size() < head) {
    return bad(absl::StrCat("at least ", head, " bytes"), absl::StrCat(sample.size()));
  }
  size_t next_size = 0;
  size_t position = head;
  for (size_t i = 0; i < sizes_.size(); ++i) {
    size_t size = static_cast<size_t>(sizes_[i]);
    if (size == 0) {
      size = word(sample, next_size);
      next_size += kWord;
    }
    if (size > sample.size() - position) {
      return bad(absl::StrCat("a value of ", size, " bytes in column ", i),
                 absl::StrCat(sample.size() - position, " at the sample's end"));
    }
    values[i] = sample.subspan(position, size);
    position += size;
  }
  if (position != sample.size()) {
    return bad(absl::StrCat("values of ", sample.size() - head, " bytes together"),
               absl::StrCat(position - head));
  }
  return absl::OkStatus();
}

}  // namespace composer
