#include "composer/data/formats/npz.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/data/formats/npy.h"

namespace composer {
namespace {

constexpr absl::string_view kSuffix = ".npy";
// Holds the longest header.
constexpr size_t kFirstStep = size_t{1} << 16;
static_assert(kFirstStep >= kMaxNpyHeader);

}  // namespace

absl::StatusOr<NpzFile> NpzFile::open(absl::Span<const uint8_t> file, std::string name) {
  absl::StatusOr<ZipArchive> archive = ZipArchive::open(file);
  if (!archive.ok()) return annotate(name, archive.status());
  NpzFile npz(std::move(name), *std::move(archive));
  for (const ZipMember& member : npz.archive_.members()) {
    absl::string_view array = member.name;
    if (!absl::ConsumeSuffix(&array, kSuffix)) {
      return absl::DataLossError(
          absl::StrCat(npz.name_, ": expected a .npz file, with members that end in .npy, found \"",
                       array.substr(0, 100), "\""));
    }
    npz.names_.emplace_back(array);
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
  const ZipMember& member = archive_.members()[found - names_.begin()];
  absl::StatusOr<ZipMemberReader> reader = archive_.read(member);
  if (!reader.ok()) return annotate(name, reader.status());

  NpzArray result;
  std::vector<uint8_t>& file = result.file;
  NpyHeader header;
  // One byte past the end is asked for: only there the checksum is compared.
  while (true) {
    const size_t before = file.size();
    const size_t step = std::max(kFirstStep, before);
    file.resize(std::min<uint64_t>(member.size + 1, before + step));
    const auto count = reader->read(absl::MakeSpan(file).subspan(before));
    if (!count.ok()) return annotate(name, count.status());
    const bool ended = before + *count < file.size();
    file.resize(before + *count);
    if (before == 0) {
      // A header that disagrees with the declared size ends it before anything grows.
      COMPOSER_ASSIGN_OR_RETURN(header, parse_npy_header(file, member.size, name));
    }
    if (!ended && file.size() <= member.size) continue;
    if (file.size() != member.size) {
      return absl::DataLossError(absl::StrCat(name, ": expected ", member.size, " bytes, found ",
                                              ended ? "" : "at least ", file.size()));
    }
    break;
  }
  result.view = {header.type, std::move(header.shape),
                 absl::MakeConstSpan(file).subspan(header.data_offset)};
  return result;
}

}  // namespace composer
