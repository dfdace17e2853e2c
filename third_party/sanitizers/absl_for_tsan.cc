// Tells ThreadSanitizer what Debian's Abseil synchronises: that is not built for it, and without
// this every absl::Mutex looks as if it did nothing. The functions here stand in for those of the
// shared library, which they call. Not covered: Await, LockWhen, HasBeenNotified, BlockingCounter.
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>
#include <dlfcn.h>

extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

// The library's function by its mangled name, with `debian3`, Debian's inline namespace, in it.
template <typename Result, typename... Arguments>
auto library(const char* mangled) {
  return reinterpret_cast<Result (*)(Arguments...)>(dlsym(RTLD_NEXT, mangled));
}

void acquire(const void* object) { __tsan_acquire(const_cast<void*>(object)); }
void release(const void* object) { __tsan_release(const_cast<void*>(object)); }

}  // namespace

void Mutex::Lock() {
  static const auto lock = library<void, Mutex*>("_ZN4absl7debian35Mutex4LockEv");
  lock(this);
  acquire(this);
}

void Mutex::Unlock() {
  static const auto unlock = library<void, Mutex*>("_ZN4absl7debian35Mutex6UnlockEv");
  release(this);
  unlock(this);
}

bool Mutex::TryLock() {
  static const auto try_lock = library<bool, Mutex*>("_ZN4absl7debian35Mutex7TryLockEv");
  if (!try_lock(this)) return false;
  acquire(this);
  return true;
}

void Mutex::ReaderLock() {
  static const auto lock = library<void, Mutex*>("_ZN4absl7debian35Mutex10ReaderLockEv");
  lock(this);
  acquire(this);
}

void Mutex::ReaderUnlock() {
  static const auto unlock = library<void, Mutex*>("_ZN4absl7debian35Mutex12ReaderUnlockEv");
  release(this);
  unlock(this);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto wait =
      library<void, CondVar*, Mutex*>("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  release(mutex);
  wait(this, mutex);
  acquire(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto wait = library<bool, CondVar*, Mutex*, Duration>(
      "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  release(mutex);
  const bool expired = wait(this, mutex, timeout);
  acquire(mutex);
  return expired;
}

void Notification::Notify() {
  static const auto notify =
      library<void, Notification*>("_ZN4absl7debian312Notification6NotifyEv");
  release(this);
  notify(this);
}

void Notification::WaitForNotification() const {
  static const auto wait =
      library<void, const Notification*>("_ZNK4absl7debian312Notification19WaitForNotificationEv");
  wait(this);
  acquire(this);
}

ABSL_NAMESPACE_END
}  // namespace absl
