#include "composer/checkpoint/torch_zip_writer.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/status.h"

namespace composer {
namespace {

// Records of ZIP and ZIP64, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT. A size or
// position that needs more than 32 bits stands in an extra field.
constexpr uint64_t kMax32 = std::numeric_limits<uint32_t>::max();
constexpr uint64_t kMax16 = std::numeric_limits<uint16_t>::max();
constexpr size_t kLocalHeaderSize = 30;
constexpr size_t kAlignment = 64;
// What PyTorch's writer marks its padding with.
constexpr uint16_t kPaddingField = 0x4246;
constexpr uint16_t kZip64Field = 1;
// 1 January 1980, as PyTorch's: the same tensors give the same bytes.
constexpr uint32_t kNoTime = 0x0021'0000;
constexpr char kFolder[] = "archive/";

class Bytes {
 public:
  Bytes& u16(uint64_t value) { return integer(value, 2); }
  Bytes& u32(uint64_t value) { return integer(value, 4); }
  Bytes& u64(uint64_t value) { return integer(value, 8); }
  Bytes& text(absl::string_view text) {
    bytes_.append(text.data(), text.size());
    return *this;
  }
  const std::string& get() const { return bytes_; }

 private:
  Bytes& integer(uint64_t value, int count) {
    for (int i = 0; i < count; ++i) bytes_.push_back(static_cast<char>(value >> 8 * i));
    return *this;
  }

  std::string bytes_;
};

uint32_t checksum_of(absl::string_view bytes) {
  return crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
}

// From the version that reads it to the checksum: the same in both kinds of header.
void put_common(Bytes& header, bool zip64, uint32_t checksum) {
  constexpr uint16_t kUtf8Names = 0x0800;
  header.u16(zip64 ? 45 : 20).u16(kUtf8Names).u16(0).u32(kNoTime).u32(checksum);
}

}  // namespace

absl::StatusOr<TorchZipWriter> TorchZipWriter::create(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  return TorchZipWriter(std::move(file));
}

absl::Status TorchZipWriter::write(absl::string_view bytes) {
  position_ += bytes.size();
  return file_.write(bytes.data(), bytes.size());
}

absl::Status TorchZipWriter::add(absl::string_view record, absl::string_view bytes) {
  const Entry entry = {absl::StrCat(kFolder, record), checksum_of(bytes), bytes.size(), position_};
  const bool large = entry.size >= kMax32;
  Bytes extra;
  if (large) extra.u16(kZip64Field).u16(16).u64(entry.size).u64(entry.size);
  const uint64_t end = position_ + kLocalHeaderSize + entry.name.size() + extra.get().size() + 4;
  const uint64_t padding = (kAlignment - end % kAlignment) % kAlignment;
  extra.u16(kPaddingField).u16(padding).text(std::string(padding, 'Z'));
  const uint64_t size = large ? kMax32 : entry.size;
  Bytes header;
  header.u32(0x04034b50);
  put_common(header, large, entry.checksum);
  header.u32(size).u32(size).u16(entry.name.size()).u16(extra.get().size());
  COMPOSER_RETURN_IF_ERROR(write(header.text(entry.name).text(extra.get()).get()));
  COMPOSER_RETURN_IF_ERROR(write(bytes));
  entries_.push_back(entry);
  return absl::OkStatus();
}

absl::Status TorchZipWriter::commit() {
  COMPOSER_RETURN_IF_ERROR(add("byteorder", "little"));
  COMPOSER_RETURN_IF_ERROR(add("version", "3\n"));
  // 40 digits that tell files apart: of the names and of the contents.
  uint32_t names = 0, contents = 0;
  for (const Entry& entry : entries_) {
    names = crc32_z(names, reinterpret_cast<const Bytef*>(entry.name.data()), entry.name.size());
    const std::string checksum = Bytes().u32(entry.checksum).get();
    contents = crc32_z(contents, reinterpret_cast<const Bytef*>(checksum.data()), checksum.size());
  }
  COMPOSER_RETURN_IF_ERROR(
      add(".data/serialization_id", absl::StrFormat("%020u%020u", names, contents)));

  const uint64_t directory = position_;
  for (const Entry& entry : entries_) {
    const bool large = entry.size >= kMax32, far = entry.position >= kMax32;
    Bytes extra;
    if (large || far) {
      extra.u16(kZip64Field).u16((large ? 16 : 0) + (far ? 8 : 0));
      if (large) extra.u64(entry.size).u64(entry.size);
      if (far) extra.u64(entry.position);
    }
    const uint64_t size = large ? kMax32 : entry.size;
    Bytes header;
    header.u32(0x02014b50).u16(large || far ? 45 : 20);
    put_common(header, large || far, entry.checksum);
    header.u32(size).u32(size).u16(entry.name.size()).u16(extra.get().size());
    // No comment, disk 0, no attributes.
    header.u16(0).u16(0).u16(0).u32(0).u32(far ? kMax32 : entry.position);
    COMPOSER_RETURN_IF_ERROR(write(header.text(entry.name).text(extra.get()).get()));
  }
  const uint64_t directory_size = position_ - directory, count = entries_.size();
  Bytes end;
  if (count >= kMax16 || directory >= kMax32 || directory_size >= kMax32) {
    end.u32(0x06064b50).u64(44).u16(45).u16(45).u32(0).u32(0).u64(count).u64(count);
    end.u64(directory_size).u64(directory);
    end.u32(0x07064b50).u32(0).u64(position_).u32(1);
  }
  end.u32(0x06054b50).u16(0).u16(0).u16(std::min(count, kMax16)).u16(std::min(count, kMax16));
  end.u32(std::min(directory_size, kMax32)).u32(std::min(directory, kMax32)).u16(0);
  COMPOSER_RETURN_IF_ERROR(write(end.get()));
  return file_.commit();
}

}  // namespace composer
