#include <cstdlib>

#include "composer/data/formats/safetensors_view.h"
#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const composer::AllocationGuard guard(size);
  const auto view = composer::SafetensorsView::open({data, size}, "input");
  if (!view.ok()) return 0;
  for (const std::string& name : view->names()) {
    const auto array = view->read(name);
    if (!array.ok()) continue;
    const auto bytes = composer::array_bytes(array->type, array->shape);
    if (!bytes || static_cast<size_t>(*bytes) != array->bytes.size() ||
        array->bytes.data() < data || array->bytes.data() + *bytes > data + size) {
      std::abort();
    }
  }
  return 0;
}
