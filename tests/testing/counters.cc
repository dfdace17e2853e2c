#include "tests/testing/counters.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <memory>

#include "absl/strings/string_view.h"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define COUNTS_ALLOCATIONS 1
#else
#define COUNTS_ALLOCATIONS 0
#endif

namespace {

std::atomic<int64_t> allocated = 0;
std::atomic<int64_t> host_reads = 0;

std::unique_ptr<at::ObserverContext> count_read(const at::RecordFunction& function) {
  const absl::string_view readers[] = {"aten::item", "aten::_local_scalar_dense",
                                       "aten::is_nonzero", "aten::equal", "aten::nonzero"};
  host_reads += std::count(std::begin(readers), std::end(readers), function.name());
  return nullptr;
}

}  // namespace

#if COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++allocated;
  return __libc_malloc(size);
}

void* calloc(size_t count, size_t size) {
  ++allocated;
  return __libc_calloc(count, size);
}

void* realloc(void* old, size_t size) {
  ++allocated;
  return __libc_realloc(old, size);
}

void* aligned_alloc(size_t alignment, size_t size) {
  ++allocated;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** result, size_t alignment, size_t size) {
  ++allocated;
  *result = __libc_memalign(alignment, size);
  return *result == nullptr ? ENOMEM : 0;
}
}
#endif

namespace composer::testing {

bool counts_allocations() { return COUNTS_ALLOCATIONS != 0; }

int64_t allocations() { return allocated; }

HostReads::HostReads()
    : before_(host_reads),
      handle_(at::addGlobalCallback(
          at::RecordFunctionCallback(count_read).scopes({at::RecordScope::FUNCTION}))) {}

HostReads::~HostReads() { at::removeCallback(handle_); }

int64_t HostReads::count() const { return host_reads - before_; }

}  // namespace composer::testing
