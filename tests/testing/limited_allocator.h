#pragma once

#include <c10/core/Allocator.h>

#include <cstdint>
#include <memory>

namespace composer::testing {

/// From its construction to its destruction, LibTorch's memory on the CPU comes from here, and is
/// refused where more than `limit` bytes would be in use at a time. Memory from before does not
/// count; memory that is still in use afterwards stays valid.
class LimitedAllocator {
 public:
  /// What a refusal throws.
  enum class Refusal {
    kOutOfMemoryError,  // as the allocators of accelerators
    kPlainError,        // a plain c10::Error, as LibTorch's own on the CPU
    kBadAlloc,          // as operator new
  };
  static constexpr int64_t kNoLimit = INT64_MAX;

  explicit LimitedAllocator(int64_t limit = kNoLimit, Refusal refusal = Refusal::kOutOfMemoryError);
  ~LimitedAllocator();
  LimitedAllocator(const LimitedAllocator&) = delete;
  LimitedAllocator& operator=(const LimitedAllocator&) = delete;

  /// Bytes in use.
  int64_t live() const;
  /// The most that were in use at a time.
  int64_t peak() const;
  /// `peak` counts from what is in use now.
  void reset_peak();
  int64_t refusals() const;

 private:
  class Impl;

  const std::unique_ptr<Impl> impl_;
  at::Allocator* const before_;
};

}  // namespace composer::testing
