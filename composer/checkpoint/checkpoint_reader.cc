#include "composer/checkpoint/checkpoint_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <system_error>
#include <thread>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/posix_file.h"
#include "composer/base/status.h"
#include "composer/checkpoint/sha256.h"
#include "composer/checkpoint/start_attempts.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

// Within a core's cache, so that hashing does not wait for memory twice.
constexpr size_t kPiece = size_t{256} << 10;
constexpr size_t kMostThreads = 8;
// Starting a thread for less takes longer than hashing it.
constexpr uint64_t kWorthAThread = uint64_t{1} << 20;

absl::Status check_size(const std::string& folder, const ManifestFile& file) {
  const std::string path = absl::StrCat(folder, "/", file.name);
  COMPOSER_ASSIGN_OR_RETURN(const Descriptor descriptor, open_to_read(path));
  struct stat status;
  if (::fstat(descriptor.get(), &status) != 0) return errno_status("look at", path);
  if (static_cast<uint64_t>(status.st_size) != file.size) {
    return absl::DataLossError(
        absl::StrCat(file.name, " has ", status.st_size, " bytes, the manifest says ", file.size));
  }
  return absl::OkStatus();
}

absl::Status check_content(const std::string& folder, const ManifestFile& file) {
  COMPOSER_RETURN_IF_ERROR(check_size(folder, file));
  const std::string path = absl::StrCat(folder, "/", file.name);
  COMPOSER_ASSIGN_OR_RETURN(const Descriptor descriptor, open_to_read(path));
  const auto buffer = std::make_unique<char[]>(kPiece);
  Sha256 hash;
  // No further than the size that was checked: the file may grow meanwhile.
  for (uint64_t left = file.size; left > 0;) {
    const size_t most = static_cast<size_t>(std::min<uint64_t>(left, kPiece));
    COMPOSER_ASSIGN_OR_RETURN(const size_t size, read_some(descriptor, path, buffer.get(), most));
    if (size == 0) break;
    hash.update(buffer.get(), size);
    left -= size;
  }
  const std::string found = hash.finish();
  if (found == file.sha256) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(file.name, " is damaged: its SHA-256 is ", found,
                                          ", the manifest says ", file.sha256));
}

// Applies `check` to each file, the largest first, on as many threads as pay.
std::vector<absl::Status> check_each(const std::string& folder,
                                     const std::vector<ManifestFile>& files,
                                     absl::Status (*check)(const std::string& folder,
                                                           const ManifestFile& file)) {
  std::vector<size_t> order(files.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return files[a].size > files[b].size; });
  std::vector<absl::Status> results(files.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i; (i = next++) < order.size();) {
      results[order[i]] = check(folder, files[order[i]]);
    }
  };
  const size_t cores = std::max<size_t>(std::thread::hardware_concurrency(), 1);
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < std::min({files.size(), cores, kMostThreads}); ++i) {
    if (files[order[i]].size < kWorthAThread) break;
    threads.emplace_back(work);
  }
  work();
  threads.clear();
  return results;
}

absl::StatusOr<Manifest> verify(const std::string& folder,
                                absl::Status (*check)(const std::string&, const ManifestFile&)) {
  COMPOSER_ASSIGN_OR_RETURN(Manifest manifest, read_manifest(folder));
  std::vector<std::string> wrong;
  for (const absl::Status& result : check_each(folder, manifest.files, check)) {
    if (!result.ok()) wrong.emplace_back(result.message());
  }
  if (wrong.empty()) return manifest;
  return absl::DataLossError(absl::StrCat(folder, ": ", absl::StrJoin(wrong, "; ")));
}

bool is_before(const StoredCheckpoint& a, const StoredCheckpoint& b) {
  if (!a.manifest.ok() || !b.manifest.ok()) {
    return std::make_tuple(!a.manifest.ok(), a.name) < std::make_tuple(!b.manifest.ok(), b.name);
  }
  const Timestamp &x = a.manifest->time, &y = b.manifest->time;
  return std::tie(x.batch, x.epoch, x.iteration, x.sample, x.token, a.name) <
         std::tie(y.batch, y.epoch, y.iteration, y.sample, y.token, b.name);
}

// OK when a run may start from it.
absl::Status check_start(const StoredCheckpoint& checkpoint) {
  COMPOSER_RETURN_IF_ERROR(checkpoint.manifest.status());
  const int failed = failed_starts(checkpoint.path);
  if (failed >= kMostFailedStarts) {
    return absl::DataLossError(
        absl::StrCat(checkpoint.path, " is marked bad: ", failed,
                     " starts from it did not reach the next checkpoint (remove ",
                     attempts_path(checkpoint.path), " to have it tried again)"));
  }
  return verify_checkpoint(checkpoint.path).status();
}

}  // namespace

absl::StatusOr<Manifest> read_manifest(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kManifestName);
  const absl::StatusOr<std::string> text = read_small_file(path, kMaxManifestSize);
  if (absl::IsNotFound(text.status())) {
    return absl::DataLossError(absl::StrCat(folder, ": there is no ", kManifestName));
  }
  if (!text.ok()) return absl::DataLossError(text.status().message());
  absl::StatusOr<Manifest> manifest = parse_manifest(*text);
  if (!manifest.ok()) return annotate(path, manifest.status());
  return manifest;
}

absl::StatusOr<Manifest> verify_checkpoint(const std::string& folder) {
  return verify(folder, check_content);
}

absl::StatusOr<Manifest> verify_sizes(const std::string& folder) {
  return verify(folder, check_size);
}

absl::StatusOr<std::vector<StoredCheckpoint>> list_checkpoints(const std::string& parent) {
  std::vector<StoredCheckpoint> checkpoints;
  std::error_code error;
  fs::directory_iterator entry(parent, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    std::error_code ignored;  // what cannot be looked at is no folder
    if (name[0] == '.' || entry->symlink_status(ignored).type() != fs::file_type::directory) {
      continue;
    }
    const std::string path = absl::StrCat(parent, "/", name);
    checkpoints.push_back({.name = name, .path = path, .manifest = read_manifest(path)});
  }
  if (error == std::errc::no_such_file_or_directory) return checkpoints;
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot read ", parent));
  std::sort(checkpoints.begin(), checkpoints.end(), is_before);
  return checkpoints;
}

absl::StatusOr<NewestGood> newest_good_checkpoint(const std::string& parent) {
  COMPOSER_ASSIGN_OR_RETURN(std::vector<StoredCheckpoint> checkpoints, list_checkpoints(parent));
  NewestGood result;
  while (!checkpoints.empty()) {
    const absl::Status status = check_start(checkpoints.back());
    if (status.ok()) {
      result.checkpoint = std::move(checkpoints.back());
      break;
    }
    result.refused.emplace_back(status.message());
    checkpoints.pop_back();
  }
  return result;
}

}  // namespace composer
