#include "composer/data/formats/npz.h"

#include <zip.h>

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/data/formats/npy.h"

namespace composer {
namespace {

constexpr absl::string_view kSuffix = ".npy";
// Holds the longest header.
constexpr size_t kFirstStep = size_t{1} << 16;
static_assert(kFirstStep >= kMaxNpyHeader);

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

struct CloseMember {
  void operator()(zip_file_t* member) const { zip_fclose(member); }
};

// Fills `out`, but for what lies beyond the member's end.
absl::StatusOr<size_t> read_some(zip_file_t* member, absl::Span<uint8_t> out,
                                 absl::string_view name) {
  size_t count = 0;
  while (count < out.size()) {
    const zip_int64_t taken = zip_fread(member, out.data() + count, out.size() - count);
    if (taken < 0) {
      return absl::DataLossError(
          absl::StrCat(name, ": ", zip_error_strerror(zip_file_get_error(member))));
    }
    if (taken == 0) break;
    count += static_cast<size_t>(taken);
  }
  return count;
}

}  // namespace

void NpzFile::Discard::operator()(zip* archive) const { zip_discard(archive); }

absl::StatusOr<NpzFile> NpzFile::open(absl::Span<const uint8_t> file, std::string name) {
  NpzFile npz;
  npz.name_ = std::move(name);
  const auto damaged = [&](absl::string_view what) {
    return absl::DataLossError(absl::StrCat(npz.name_, ": ", what));
  };
  // For the library it is an archive without members.
  if (file.empty()) return damaged("expected a .npz file, a ZIP archive, found an empty file");
  if (!members_can_fit({reinterpret_cast<const char*>(file.data()), file.size()})) {
    return damaged("its end declares more members than fit into the file");
  }
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* const source = zip_source_buffer_create(file.data(), file.size(), 0, &error);
  if (source == nullptr) return damaged(zip_error_strerror(&error));
  npz.archive_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (npz.archive_ == nullptr) {
    zip_source_free(source);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    return damaged(absl::StrCat("expected a .npz file, a ZIP archive, found: ", reason));
  }

  std::set<std::string> seen;
  const zip_int64_t count = zip_get_num_entries(npz.archive_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* const raw = zip_get_name(npz.archive_.get(), i, ZIP_FL_ENC_RAW);
    absl::string_view member = raw == nullptr ? "" : raw;
    if (!absl::EndsWith(member, kSuffix)) {
      return damaged(
          absl::StrCat("expected members that end in .npy, found \"", member.substr(0, 100), "\""));
    }
    member.remove_suffix(kSuffix.size());
    if (!seen.emplace(member).second) {
      return damaged(absl::StrCat("two members are called \"", member, ".npy\""));
    }
    npz.names_.emplace_back(member);
    npz.members_.push_back(i);
  }
  return npz;
}

absl::StatusOr<NpzArray> NpzFile::read(absl::string_view array) const {
  const auto found = std::find(names_.begin(), names_.end(), array);
  if (found == names_.end()) {
    return absl::NotFoundError(
        absl::StrCat(name_, " has no array \"", array, "\"; ", suggestion(array, names_)));
  }
  const std::string name = absl::StrCat(name_, ", array \"", array, "\"");
  const uint64_t index = members_[found - names_.begin()];
  zip_stat_t stat;
  if (zip_stat_index(archive_.get(), index, 0, &stat) != 0 || !(stat.valid & ZIP_STAT_SIZE)) {
    return absl::DataLossError(absl::StrCat(name, ": ", zip_strerror(archive_.get())));
  }
  const std::unique_ptr<zip_file_t, CloseMember> member(zip_fopen_index(archive_.get(), index, 0));
  if (member == nullptr) {
    return absl::DataLossError(absl::StrCat(name, ": ", zip_strerror(archive_.get())));
  }

  NpzArray result;
  std::vector<uint8_t>& file = result.file;
  NpyHeader header;
  // One byte past the end is asked for: only there the checksum is compared.
  while (true) {
    const size_t before = file.size();
    const size_t step = std::max(kFirstStep, before);
    file.resize(std::min<uint64_t>(stat.size + 1, before + step));
    COMPOSER_ASSIGN_OR_RETURN(const size_t count,
                              read_some(member.get(), absl::MakeSpan(file).subspan(before), name));
    const bool ended = before + count < file.size();
    file.resize(before + count);
    if (before == 0) {
      // A header that disagrees with the declared size ends it before anything grows.
      COMPOSER_ASSIGN_OR_RETURN(header, parse_npy_header(file, stat.size, name));
    }
    if (!ended && file.size() <= stat.size) continue;
    if (file.size() != stat.size) {
      return absl::DataLossError(absl::StrCat(name, ": expected ", stat.size, " bytes, found ",
                                              ended ? "" : "at least ", file.size()));
    }
    break;
  }
  result.view = {header.type, std::move(header.shape),
                 absl::MakeConstSpan(file).subspan(header.data_offset)};
  return result;
}

}  // namespace composer
