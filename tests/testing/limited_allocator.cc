#include "tests/testing/limited_allocator.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

namespace composer::testing {
namespace {

// Above that of the allocator that LibTorch sets by itself.
constexpr uint8_t kPriority = 100;

struct Counts {
  std::atomic<int64_t> live = 0;
  std::atomic<int64_t> peak = 0;
  std::atomic<int64_t> refusals = 0;
};

// Outlives the allocator where its memory does.
struct Block {
  ~Block() { counts->live -= bytes; }

  std::shared_ptr<Counts> counts;
  int64_t bytes;
  at::DataPtr memory;
};

void delete_block(void* block) { delete static_cast<Block*>(block); }

[[noreturn]] void refuse(LimitedAllocator::Refusal refusal, int64_t bytes) {
  switch (refusal) {
    case LimitedAllocator::Refusal::kOutOfMemoryError:
      TORCH_CHECK_WITH(OutOfMemoryError, false, "out of memory: ", bytes, " bytes were refused");
    case LimitedAllocator::Refusal::kPlainError:
      TORCH_CHECK(false, "DefaultCPUAllocator: can't allocate memory: you tried to allocate ",
                  bytes, " bytes. Error code 12 (Cannot allocate memory)");
    case LimitedAllocator::Refusal::kBadAlloc:
      break;
  }
  throw std::bad_alloc();
}

}  // namespace

class LimitedAllocator::Impl final : public at::Allocator {
 public:
  Impl(at::Allocator* source, int64_t limit, Refusal refusal)
      : source_(source), limit_(limit), refusal_(refusal) {}

  at::DataPtr allocate(size_t size) override {
    const auto bytes = static_cast<int64_t>(size);
    const int64_t live = counts->live += bytes;
    if (live > limit_) {
      counts->live -= bytes;
      ++counts->refusals;
      refuse(refusal_, bytes);
    }
    counts->peak = std::max<int64_t>(counts->peak, live);
    auto block = std::make_unique<Block>(counts, bytes, at::DataPtr());
    block->memory = source_->allocate(size);
    void* const data = block->memory.get();
    return {data, block.release(), &delete_block, at::kCPU};
  }

  void copy_data(void* to, const void* from, size_t size) const override {
    default_copy_data(to, from, size);
  }

  const std::shared_ptr<Counts> counts = std::make_shared<Counts>();

 private:
  at::Allocator* const source_;
  const int64_t limit_;
  const Refusal refusal_;
};

LimitedAllocator::LimitedAllocator(int64_t limit, Refusal refusal)
    : impl_(std::make_unique<Impl>(c10::GetCPUAllocator(), limit, refusal)),
      before_(c10::GetCPUAllocator()) {
  c10::SetCPUAllocator(impl_.get(), kPriority);
}

LimitedAllocator::~LimitedAllocator() { c10::SetCPUAllocator(before_, kPriority); }

int64_t LimitedAllocator::live() const { return impl_->counts->live; }
int64_t LimitedAllocator::peak() const { return impl_->counts->peak; }
void LimitedAllocator::reset_peak() { impl_->counts->peak = impl_->counts->live.load(); }
int64_t LimitedAllocator::refusals() const { return impl_->counts->refusals; }

}  // namespace composer::testing
