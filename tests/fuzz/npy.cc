#include "composer/data/formats/npy.h"

#include <cstdlib>

#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const composer::AllocationGuard guard(size);
  const auto array = composer::view_npy({data, size}, "input");
  if (!array.ok()) return 0;
  // What is accepted lies in the input and has as many bytes as it says.
  const auto bytes = composer::array_bytes(array->type, array->shape);
  if (!bytes || static_cast<size_t>(*bytes) != array->bytes.size() || array->bytes.data() < data ||
      array->bytes.data() + *bytes != data + size) {
    std::abort();
  }
  return 0;
}
