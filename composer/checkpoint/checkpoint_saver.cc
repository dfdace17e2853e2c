#include "composer/checkpoint/checkpoint_saver.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/checkpoint/kept_copy.h"
#include "composer/checkpoint/name_template.h"

namespace composer {
namespace {

// On Linux a thread has a priority of its own, which those that it starts inherit: the one that
// hashes. Each step of `nice` is a factor of 1.25 in the share of a processor that is wanted
// elsewhere too; 15 leaves 3 % of it to the save. A thread that only waits gets all.
void yield_to_training() {
  constexpr int kSteps = 15;
  constexpr int kLowest = 19;
  const id_t thread = static_cast<id_t>(::gettid());
  const int own = ::getpriority(PRIO_PROCESS, thread);
  ::setpriority(PRIO_PROCESS, thread, std::min(own + kSteps, kLowest));
}

absl::Status both(const absl::Status& first, const absl::Status& second) {
  if (first.ok()) return second;
  if (second.ok()) return first;
  return absl::Status(first.code(), absl::StrCat(first.message(), "; ", second.message()));
}

}  // namespace

struct CheckpointSaver::Impl {
  Impl(CheckpointSaverOptions given, NameTemplate parsed)
      : options(std::move(given)), name(std::move(parsed)) {}

  absl::Status save(const Checkpoint& live) {
    COMPOSER_ASSIGN_OR_RETURN(
        const std::string folder_name,
        name.expand({.run_name = options.run_name,
                     .time = live.time,
                     .now = absl::Now(),
                     .world_size = static_cast<int>(live.conditions.world_size)}));
    if (!options.background) return write(folder_name, live);
    Checkpoint copy = live;
    copy.state = memory.copy(live.state);
    thread = std::thread([this, folder_name, copy = std::move(copy)] {
      yield_to_training();
      result = catch_exceptions([&] { return write(folder_name, copy); });
    });
    return absl::OkStatus();
  }

  absl::Status write(const std::string& folder_name, const Checkpoint& checkpoint) {
    const absl::Time start = absl::Now();
    const std::string path = absl::StrCat(options.folder, "/", folder_name);
    COMPOSER_RETURN_IF_ERROR(annotate(absl::StrCat("saving ", path),
                                      write_checkpoint(options.folder, folder_name, checkpoint)));
    LOG(INFO) << absl::StrFormat("saved %s in %.2f s", path,
                                 absl::ToDoubleSeconds(absl::Now() - start));
    {
      const std::lock_guard lock(mutex);
      newest = path;
    }
    // It is not the newest of those there when training went back.
    RetentionPolicy policy = options.retention;
    policy.pinned.push_back(folder_name);
    return annotate(absl::StrCat("deleting old checkpoints after ", path),
                    apply_retention(options.folder, policy).status());
  }

  absl::Status wait() {
    if (thread.joinable()) thread.join();
    return std::exchange(result, absl::OkStatus());
  }

  const CheckpointSaverOptions options;
  const NameTemplate name;
  KeptCopy memory;
  // The save in flight; when it is joined, `result` is its.
  std::thread thread;
  absl::Status result;
  mutable std::mutex mutex;
  std::string newest;
};

absl::StatusOr<std::unique_ptr<CheckpointSaver>> CheckpointSaver::create(
    CheckpointSaverOptions options) {
  COMPOSER_ASSIGN_OR_RETURN(NameTemplate name, NameTemplate::parse(options.name));
  return std::unique_ptr<CheckpointSaver>(
      new CheckpointSaver(std::make_unique<Impl>(std::move(options), std::move(name))));
}

CheckpointSaver::CheckpointSaver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CheckpointSaver::~CheckpointSaver() {
  if (const absl::Status status = impl_->wait(); !status.ok()) LOG(ERROR) << status.message();
}

absl::Status CheckpointSaver::save(const Checkpoint& live) {
  const absl::Status former = impl_->wait();
  return both(former, catch_exceptions([&] { return impl_->save(live); }));
}

absl::Status CheckpointSaver::wait() { return impl_->wait(); }

std::string CheckpointSaver::newest() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->newest;
}

}  // namespace composer
