#include "benchmarks/tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

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

struct Counted {
  at::DataPtr memory;
  int64_t bytes;
};

class CountingAllocator final : public at::Allocator {
 public:
  explicit CountingAllocator(at::Allocator& allocator) : allocator_(allocator) {}

  at::DataPtr allocate(size_t bytes) override {
    auto counted =
        std::make_unique<Counted>(Counted{allocator_.allocate(bytes), static_cast<int64_t>(bytes)});
    count().add(counted->bytes);
    void* const data = counted->memory.get();
    const at::Device device = counted->memory.device();
    return {data, counted.release(), &free, device};
  }

  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void free(void* context) {
    const std::unique_ptr<Counted> counted(static_cast<Counted*>(context));
    count().add(-counted->bytes);
  }

  at::Allocator& allocator_;
};

}  // namespace

void TensorMemory::install() {
  static CountingAllocator allocator(*c10::GetCPUAllocator());
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

int64_t TensorMemory::now() { return count().now; }

int64_t TensorMemory::peak() { return count().peak; }

void TensorMemory::reset_peak() { count().peak = count().now.load(); }

}  // namespace composer::benchmarks
