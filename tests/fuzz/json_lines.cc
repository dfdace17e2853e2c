#include "composer/data/formats/json_lines.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A digit and a comma are a value of 16 bytes in a list that grows by doubling.
  const composer::AllocationGuard guard(size, 256);
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const int64_t offset : composer::json_line_offsets(text)) {
    const absl::string_view line = composer::line_at(text, offset);
    if (line.data() < text.data() || line.data() + line.size() > text.data() + size) std::abort();
    const auto object = composer::parse_json_line(text, offset, "input");
    if (object.ok() && !object->is_object()) std::abort();
  }
  (void)composer::parse_json_object(text, "input");
  return 0;
}
