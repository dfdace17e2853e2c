#include "benchmarks/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/alloc_cpu.h>
#include <malloc.h>

#include <atomic>

namespace composer::benchmarks {
namespace {

struct Count {
  std::atomic<int64_t> now{0};
  std::atomic<int64_t> peak{0};

  void add(int64_t bytes) {
    const int64_t sum = now += bytes;
    int64_t seen = peak;
    while (sum > seen && !peak.compare_exchange_weak(seen, sum)) {
    }
  }
};

Count& count() {
  static Count instance;
  return instance;
}

void free_counted(void* data) {
  count().add(-static_cast<int64_t>(malloc_usable_size(data)));
  c10::free_cpu(data);
}

// As LibTorch's own, with the data for context: some kernels allocate by `raw_allocate`, which
// knows nothing else. So the size is asked of the C library.
class CountingAllocator final : public at::Allocator {
 public:
  at::DataPtr allocate(size_t bytes) override {
    void* const data = c10::alloc_cpu(bytes);
    count().add(static_cast<int64_t>(malloc_usable_size(data)));
    return {data, data, &free_counted, at::kCPU};
  }

  at::DeleterFnPtr raw_deleter() const override { return &free_counted; }

  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
};

}  // namespace

void TensorMemory::install() {
  static CountingAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

int64_t TensorMemory::now() { return count().now; }

int64_t TensorMemory::peak() { return count().peak; }

void TensorMemory::reset_peak() { count().peak = count().now.load(); }

}  // namespace composer::benchmarks
