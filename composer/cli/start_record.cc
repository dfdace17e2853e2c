#include "composer/cli/start_record.h"

#include <utility>

#include "composer/base/logging.h"
#include "composer/checkpoint/start_attempts.h"

namespace composer {

absl::Status StartRecord::begin() {
  open_ = true;
  return note_start(checkpoint_);
}

void StartRecord::succeed() {
  if (!std::exchange(open_, false)) return;
  if (const absl::Status status = note_success(checkpoint_); !status.ok()) {
    LOG(WARNING) << status.message();
  }
}

}  // namespace composer
