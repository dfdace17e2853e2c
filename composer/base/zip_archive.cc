#include "composer/base/zip_archive.h"

#include <zip.h>

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

// Sizes of ZIP's records, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT.
constexpr size_t kEntrySize = 46;
constexpr size_t kEndSize = 22;
constexpr size_t kLocatorSize = 20;
constexpr size_t kEnd64Size = 56;
constexpr size_t kMaxComment = 65'535;

uint64_t little_endian(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    value |= uint64_t{static_cast<uint8_t>(bytes[i])} << 8 * i;
  return value;
}

// Whether no end record declares more members than fit into the file. The library allocates and
// fills a table of as many before it looks at the first.
bool members_can_fit(absl::string_view file) {
  const auto fits = [&](uint64_t members) { return members <= file.size() / kEntrySize; };
  const size_t tail = kMaxComment + kEndSize + kLocatorSize;
  size_t end = file.size() < tail ? 0 : file.size() - tail;
  // The library tries every place that looks like one.
  for (; (end = file.find("PK\5\6", end)) != absl::string_view::npos; ++end) {
    if (file.size() - end < kEndSize) break;
    if (!fits(little_endian(file.substr(end + 10, 2)))) return false;
    if (end < kLocatorSize) continue;
    const absl::string_view locator = file.substr(end - kLocatorSize, kLocatorSize);
    if (!absl::StartsWith(locator, "PK\6\7")) continue;
    const uint64_t end64 = little_endian(locator.substr(8, 8));
    if (end64 > file.size() || file.size() - end64 < kEnd64Size) continue;
    if (!fits(little_endian(file.substr(end64 + 32, 8)))) return false;
  }
  return true;
}

}  // namespace

void ZipMemberReader::Close::operator()(zip_file* member) const { zip_fclose(member); }

absl::StatusOr<size_t> ZipMemberReader::read(absl::Span<uint8_t> out) {
  size_t count = 0;
  while (count < out.size()) {
    const zip_int64_t taken = zip_fread(member_.get(), out.data() + count, out.size() - count);
    if (taken < 0) {
      return absl::DataLossError(zip_error_strerror(zip_file_get_error(member_.get())));
    }
    if (taken == 0) break;
    count += static_cast<size_t>(taken);
  }
  return count;
}

void ZipArchive::Discard::operator()(zip* archive) const { zip_discard(archive); }

absl::StatusOr<ZipArchive> ZipArchive::open(absl::Span<const uint8_t> file) {
  // For the library it is an archive without members.
  if (file.empty()) return absl::DataLossError("expected a ZIP archive, found an empty file");
  if (!members_can_fit({reinterpret_cast<const char*>(file.data()), file.size()})) {
    return absl::DataLossError("its end declares more members than fit into the file");
  }
  zip_error_t error;
  zip_error_init(&error);
  const auto refused = [&error] {
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    return absl::DataLossError(absl::StrCat("expected a ZIP archive, found: ", reason));
  };
  zip_source_t* const source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  if (source == nullptr) return refused();
  ZipArchive archive;
  archive.archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (archive.archive_ == nullptr) {
    zip_source_free(source);
    return refused();
  }
  std::unordered_set<std::string> seen;
  const zip_int64_t count = zip_get_num_entries(archive.archive_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    const char* const name = zip_get_name(archive.archive_.get(), i, ZIP_FL_ENC_RAW);
    constexpr zip_uint64_t kNeeded = ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_COMP_SIZE;
    if (name == nullptr || zip_stat_index(archive.archive_.get(), i, 0, &stat) != 0 ||
        (stat.valid & kNeeded) != kNeeded) {
      return absl::DataLossError(
          absl::StrCat("member ", i, ": ", zip_strerror(archive.archive_.get())));
    }
    const bool encrypted =
        (stat.valid & ZIP_STAT_ENCRYPTION_METHOD) && stat.encryption_method != ZIP_EM_NONE;
    const bool stored =
        stat.comp_method == ZIP_CM_STORE && !encrypted && stat.comp_size == stat.size;
    archive.members_.push_back(
        {name, static_cast<uint64_t>(i), static_cast<uint64_t>(stat.size), stored});
    if (!seen.insert(name).second) {
      return absl::DataLossError(
          absl::StrCat("two members are called \"", absl::string_view(name).substr(0, 100), "\""));
    }
  }
  return archive;
}

absl::StatusOr<ZipMemberReader> ZipArchive::read(const ZipMember& member) const {
  ZipMemberReader reader;
  reader.member_.reset(zip_fopen_index(archive_.get(), member.index, 0));
  if (reader.member_ == nullptr) return absl::DataLossError(zip_strerror(archive_.get()));
  return reader;
}

}  // namespace composer
