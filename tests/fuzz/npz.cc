#include "composer/data/formats/npz.h"

#include <cstdlib>

#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Deflate makes up to 1032 bytes of one, and a buffer may be twice as large as what is in it. The
  // library makes room for 65,536 more members where there are more than the end record says.
  const composer::AllocationGuard guard(size, 2 * 1032, size_t{4} << 20);
  const auto npz = composer::NpzFile::open({data, size}, "input");
  if (!npz.ok()) return 0;
  for (const std::string& name : npz->names()) {
    const auto array = npz->read(name);
    if (!array.ok()) continue;
    const auto bytes = composer::array_bytes(array->view.type, array->view.shape);
    if (!bytes || static_cast<size_t>(*bytes) != array->view.bytes.size()) std::abort();
  }
  return 0;
}
