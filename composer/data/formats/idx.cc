#include "composer/data/formats/idx.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "composer/base/status.h"
#include "composer/data/formats/gzip_reader.h"

namespace composer {
namespace {

constexpr uint8_t kUnsignedByte = 0x08;
constexpr size_t kStep = 1 << 18;

absl::Status bad(const std::string& path, absl::string_view position, absl::string_view expected,
                 absl::string_view found) {
  return absl::DataLossError(
      absl::StrCat(path, ": ", position, ": expected ", expected, ", found ", found));
}

// The next four bytes, most significant first.
absl::Status read_word(GzipReader& reader, absl::string_view what, uint8_t (&bytes)[4]) {
  const std::string position = reader.position();
  COMPOSER_ASSIGN_OR_RETURN(const size_t count, reader.read(absl::MakeSpan(bytes)));
  if (count == 4) return absl::OkStatus();
  return bad(reader.path(), position, absl::StrCat(what, " (4 bytes)"),
             count == 0 ? "the end of the file" : absl::StrCat("only ", count));
}

absl::Status read_magic(GzipReader& reader, int dimensions) {
  const std::string position = reader.position();
  uint8_t magic[4];
  COMPOSER_RETURN_IF_ERROR(read_word(reader, "IDX's magic number", magic));
  const std::string found =
      absl::StrFormat("0x%02x%02x%02x%02x", magic[0], magic[1], magic[2], magic[3]);
  if (magic[0] != 0 || magic[1] != 0) {
    return bad(reader.path(), position,
               absl::StrFormat("IDX's magic number 0x0000%02x%02x", kUnsignedByte, dimensions),
               found);
  }
  if (magic[2] != kUnsignedByte) {
    return bad(reader.path(), position, "elements of type 0x08 (unsigned bytes)",
               absl::StrFormat("type 0x%02x in the magic number %s", magic[2], found));
  }
  if (magic[3] != dimensions) {
    return bad(reader.path(), position, absl::StrCat(dimensions, " dimensions"),
               absl::StrFormat("%d in the magic number %s", magic[3], found));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<IdxArray> read_idx(const std::string& path, int dimensions) {
  COMPOSER_ASSIGN_OR_RETURN(GzipReader reader, GzipReader::open(path));
  COMPOSER_RETURN_IF_ERROR(read_magic(reader, dimensions));

  IdxArray array;
  size_t total = 1;
  for (int i = 0; i < dimensions; ++i) {
    const std::string position = reader.position();
    uint8_t bytes[4];
    COMPOSER_RETURN_IF_ERROR(read_word(reader, absl::StrCat("the size of dimension ", i), bytes));
    const uint32_t size =
        static_cast<uint32_t>(bytes[0]) << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
    array.shape.push_back(size);
    if (__builtin_mul_overflow(total, size, &total) ||
        total > static_cast<size_t>(std::numeric_limits<int64_t>::max())) {
      return bad(path, position, "sizes whose product fits in 63 bits",
                 absl::StrJoin(array.shape, "x"));
    }
  }

  const std::string declared =
      absl::StrCat(total, " elements (", absl::StrJoin(array.shape, "x"), ")");
  std::vector<uint8_t>& values = array.values;
  while (values.size() < total) {
    const size_t before = values.size();
    const size_t step = std::min(kStep, total - before);
    if (values.capacity() < before + step) {
      values.reserve(std::min(total, std::max(before + step, before * 8)));
    }
    values.resize(before + step);
    COMPOSER_ASSIGN_OR_RETURN(const size_t count,
                              reader.read(absl::MakeSpan(values).subspan(before)));
    if (count < step) {
      return bad(path, reader.position(), declared,
                 absl::StrCat("the end of the file after ", before + count));
    }
  }
  // Asking past the end also has the decompressor check its checksum.
  const std::string end = reader.position();
  uint8_t extra[1];
  COMPOSER_ASSIGN_OR_RETURN(const size_t count, reader.read(absl::MakeSpan(extra)));
  if (count > 0) return bad(path, end, absl::StrCat("the end after ", declared), "more bytes");
  return array;
}

}  // namespace composer
