#include "composer/checkpoint/safetensors_index.h"

#include <cstdint>
#include <cstdlib>

#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const composer::AllocationGuard guard(size);
  const auto index = composer::parse_safetensors_index({reinterpret_cast<const char*>(data), size});
  if (!index.ok()) return 0;
  for (const auto& [tensor, file] : index->files) {
    if (file.empty() || file == ".." || file.find('/') != std::string::npos) std::abort();
  }
  return 0;
}
