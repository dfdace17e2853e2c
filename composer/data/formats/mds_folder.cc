#include "composer/data/formats/mds_folder.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/formats/digest.h"
#include "composer/data/formats/zstd.h"

namespace composer {
namespace {

// Far below the number of mappings that Linux allows a process.
constexpr size_t kMaxOpenShards = 4096;

std::string join(const std::string& dir, const std::string& name) {
  return (std::filesystem::path(dir) / name).string();
}

absl::Status check_hashes(const MdsFile& file, absl::Span<const uint8_t> bytes,
                          const std::string& path) {
  if (file.hashes.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        ": its hashes were to be verified, but the index has none; write the shards with "
        "hashes=[\"xxh64\"] or leave out verify"));
  }
  for (const auto& [algorithm, expected] : file.hashes) {
    const absl::StatusOr<std::string> found = digest(algorithm, bytes);
    if (!found.ok()) return annotate(path, found.status());
    if (*found != expected) {
      return absl::DataLossError(absl::StrCat(path, ": expected ", algorithm, " ", expected,
                                              ", found ", *found, ": the file is damaged"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<MdsFolder>> MdsFolder::open(const std::string& dir,
                                                           const MdsFolderOptions& options) {
  COMPOSER_ASSIGN_OR_RETURN(
      const MappedFile file,
      MappedFile::open(join(dir, "index.json"), MappedFile::Access::SEQUENTIAL));
  const absl::string_view json(reinterpret_cast<const char*>(file.bytes().data()),
                               file.bytes().size());
  COMPOSER_ASSIGN_OR_RETURN(MdsIndex index, parse_mds_index(json, file.path()));
  std::unique_ptr<MdsFolder> folder(new MdsFolder(dir, options, std::move(index)));
  for (const MdsShardInfo& shard : folder->index_.shards) {
    folder->starts_.push_back(folder->starts_.back() + shard.samples);
    std::error_code error;
    const bool has_raw = std::filesystem::exists(folder->path_of(shard.raw), error);
    folder->has_raw_.push_back(has_raw);
    const MdsFile& used = has_raw || !shard.zip ? shard.raw : *shard.zip;
    const uint64_t size = std::filesystem::file_size(folder->path_of(used), error);
    if (error) {
      return absl::NotFoundError(absl::StrCat(folder->path_of(used), ": ", error.message()));
    }
    if (size != static_cast<uint64_t>(used.bytes)) {
      return absl::DataLossError(absl::StrCat(folder->path_of(used), ": expected ", used.bytes,
                                              " bytes, as the index says, found ", size));
    }
  }
  return folder;
}

MdsFolder::MdsFolder(std::string dir, const MdsFolderOptions& options, MdsIndex index)
    : dir_(std::move(dir)),
      options_(options),
      index_(std::move(index)),
      cache_(options.cache_bytes, kMaxOpenShards) {}

MdsFolder::Place MdsFolder::locate(int64_t sample) const {
  // The last shard that starts at or before it: those without samples are passed over.
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), sample);
  const int64_t shard = after - starts_.begin() - 1;
  return {shard, sample - starts_[shard]};
}

std::string MdsFolder::path_of(const MdsFile& file) const { return join(dir_, file.basename); }

absl::StatusOr<MappedFile> MdsFolder::map(const MdsFile& file) const {
  COMPOSER_ASSIGN_OR_RETURN(MappedFile mapped, MappedFile::open(path_of(file)));
  // It was looked at when the folder was opened; since then it may have changed.
  if (mapped.bytes().size() != static_cast<size_t>(file.bytes)) {
    return absl::DataLossError(absl::StrCat(mapped.path(), ": expected ", file.bytes,
                                            " bytes, found ", mapped.bytes().size()));
  }
  if (options_.verify) {
    COMPOSER_RETURN_IF_ERROR(check_hashes(file, mapped.bytes(), mapped.path()));
  }
  return mapped;
}

absl::StatusOr<std::shared_ptr<const OpenMdsShard>> MdsFolder::open_shard(int64_t number) const {
  const MdsShardInfo& info = index_.shards[number];
  const std::string name = path_of(info.raw);
  const auto view = [&](absl::Span<const uint8_t> bytes) {
    return MdsShard::open(bytes, index_.columns, info.samples, name);
  };
  if (has_raw_[number] || !info.zip) {
    COMPOSER_ASSIGN_OR_RETURN(MappedFile file, map(info.raw));
    COMPOSER_ASSIGN_OR_RETURN(MdsShard shard, view(file.bytes()));
    return std::make_shared<const OpenMdsShard>(OpenMdsShard{std::move(file), std::move(shard)});
  }
  COMPOSER_ASSIGN_OR_RETURN(const MappedFile file, map(*info.zip));
  COMPOSER_ASSIGN_OR_RETURN(PageMemory memory,
                            decompress_zstd(file.bytes(), info.raw.bytes, file.path()));
  const absl::Span<const uint8_t> bytes = memory.bytes();
  if (options_.verify) COMPOSER_RETURN_IF_ERROR(check_hashes(info.raw, bytes, name));
  COMPOSER_ASSIGN_OR_RETURN(MdsShard shard, view(bytes));
  return std::make_shared<const OpenMdsShard>(OpenMdsShard{std::move(memory), std::move(shard)});
}

absl::StatusOr<std::shared_ptr<const OpenMdsShard>> MdsFolder::shard(int64_t number) const {
  return cache_.get(
      number, [&] { return open_shard(number); },
      [&](const OpenMdsShard& shard) {
        // The system takes back the pages of a mapped file by itself.
        const bool mapped = std::holds_alternative<MappedFile>(shard.memory);
        return mapped ? int64_t{0} : index_.shards[number].raw.bytes;
      });
}

}  // namespace composer
