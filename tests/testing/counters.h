#pragma once

#include <ATen/record_function.h>

#include <cstdint>

namespace composer::testing {

/// False in a build with a sanitizer, which brings a malloc of its own.
bool counts_allocations();

/// How often the process has taken memory from the heap so far, in all threads. A program that
/// links this library has its malloc and its relatives, `operator new` among them, counted.
int64_t allocations();

/// Counts, while it lives, the operators by which the host reads values that a device computed, for
/// which it waits: item, equal, nonzero and their relatives.
class HostReads {
 public:
  HostReads();
  ~HostReads();

  HostReads(const HostReads&) = delete;
  HostReads& operator=(const HostReads&) = delete;

  int64_t count() const;

 private:
  const int64_t before_;
  const at::CallbackHandle handle_;
};

}  // namespace composer::testing
