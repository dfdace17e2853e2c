#pragma once

#include <cstddef>

namespace composer {

/// While it lives, no more memory may be held than the input accounts for: `factor` bytes for each
/// of the input's, and `base` that are used in any case. More than that, at once or in all, ends
/// the process with a report: a size was believed that the input only declared. Needs
/// AddressSanitizer; one at a time.
class AllocationGuard {
 public:
  explicit AllocationGuard(size_t input_size, size_t factor = 64, size_t base = size_t{1} << 20);
  ~AllocationGuard();

  AllocationGuard(const AllocationGuard&) = delete;
  AllocationGuard& operator=(const AllocationGuard&) = delete;
};

}  // namespace composer
