#include "composer/cli/start_record.h"

#include <utility>

#include "composer/base/logging.h"
#include "composer/base/posix_file.h"
#include "composer/checkpoint/start_attempts.h"

namespace composer {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks(100);

// Nothing when there is no complete checkpoint.
struct stat newest_beside(const std::string& checkpoint) {
  struct stat status = {};
  const std::string latest = parent_folder(checkpoint) + "/latest";
  if (::stat(latest.c_str(), &status) != 0) status = {};
  return status;
}

}  // namespace

StartRecord::StartRecord(std::string checkpoint) : checkpoint_(std::move(checkpoint)) {}

absl::Status StartRecord::begin() {
  latest_ = newest_beside(checkpoint_);
  open_ = true;
  return note_start(checkpoint_);
}

void StartRecord::look() {
  if (!open_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  look_at_last();
}

void StartRecord::look_at_last() {
  if (!open_) return;
  // A checkpoint that takes the place of another of its name is another folder.
  const struct stat latest = newest_beside(checkpoint_);
  if (latest.st_ino != 0 && latest.st_ino != latest_.st_ino) succeed();
}

void StartRecord::succeed() {
  if (!std::exchange(open_, false)) return;
  if (const absl::Status status = note_success(checkpoint_); !status.ok()) {
    LOG(WARNING) << status.message();
  }
}

}  // namespace composer
