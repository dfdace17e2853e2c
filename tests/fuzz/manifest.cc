#include "composer/checkpoint/manifest.h"

#include <cstdlib>

#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const composer::AllocationGuard guard(size);
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const auto manifest = composer::parse_manifest(text);
  if (!manifest.ok()) return 0;
  const auto written = composer::format_manifest(*manifest);
  if (!written.ok() || *written != text) std::abort();
  return 0;
}
