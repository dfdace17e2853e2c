#include "composer/data/formats/csv.h"

#include <cstdlib>

#include "tests/fuzz/allocation_guard.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // A field of one byte is a string of its own.
  const composer::AllocationGuard guard(size, 256);
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char separator : {',', '\t'}) {
    int64_t line = 0;
    size_t fields = 0;
    (void)composer::read_csv(text, "input", separator, [&](const composer::CsvRow& row) {
      // Rows come in the order of their lines, with as many fields as one another.
      if (row.line <= line || row.fields.empty()) std::abort();
      if (line > 0 && row.fields.size() != fields) std::abort();
      line = row.line;
      fields = row.fields.size();
      return absl::OkStatus();
    });
  }
  return 0;
}
