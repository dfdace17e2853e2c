#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

#include "composer/base/exceptions.h"

namespace composer {

/// Waits until `ready()`, which `condition` tells of. Asks `stop` ten times a second meanwhile,
/// where there is one, and throws a CancelledError when that is true.
template <typename Ready>
void wait_interruptibly(std::condition_variable& condition, std::unique_lock<std::mutex>& lock,
                        const std::function<bool()>& stop, Ready ready) {
  if (!stop) return condition.wait(lock, ready);
  constexpr std::chrono::milliseconds kPause(100);
  while (!condition.wait_for(lock, kPause, ready)) {
    if (stop()) throw StatusError(absl::CancelledError("interrupted while waiting for data"));
  }
}

}  // namespace composer
