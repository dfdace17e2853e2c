#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace composer {

/// Memory whose pages come as they are written to: a size that is not known to be true may be
/// reserved without taking it.
class PageMemory {
 public:
  /// ResourceExhausted when there are not as many addresses.
  static absl::StatusOr<PageMemory> reserve(size_t size);

  PageMemory(PageMemory&& other) noexcept;
  PageMemory& operator=(PageMemory&& other) noexcept;
  ~PageMemory();

  absl::Span<uint8_t> bytes() { return {data_, size_}; }
  absl::Span<const uint8_t> bytes() const { return {data_, size_}; }

 private:
  PageMemory() = default;

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace composer
