#include "tests/fuzz/allocation_guard.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>

// Of clang's <sanitizer/allocator_interface.h>, which g++ does not bring.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           size_t),
                                                         void (*on_free)(const volatile void*));
extern "C" size_t __sanitizer_get_allocated_size(const volatile void* memory);

namespace composer {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

// Of the fuzzing thread alone, so that libFuzzer's own threads do not count.
thread_local int64_t limit = kUnlimited;
thread_local int64_t held = 0;

void on_malloc(const volatile void*, size_t size) {
  if (limit == kUnlimited) return;
  const int64_t allowed = limit;
  if (size <= static_cast<size_t>(allowed) && (held += static_cast<int64_t>(size)) <= allowed) {
    return;
  }
  limit = kUnlimited;
  std::fprintf(stderr, "an allocation of %zu bytes goes past the limit of %lld for this input\n",
               size, static_cast<long long>(allowed));
  std::abort();
}

void on_free(const volatile void* memory) {
  if (limit == kUnlimited || memory == nullptr) return;
  held -= static_cast<int64_t>(__sanitizer_get_allocated_size(memory));
}

}  // namespace

AllocationGuard::AllocationGuard(size_t input_size, size_t factor, size_t base) {
  static const bool installed = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
  if (!installed) std::abort();
  held = 0;
  limit = static_cast<int64_t>(base + input_size * factor);
}

AllocationGuard::~AllocationGuard() { limit = kUnlimited; }

}  // namespace composer
