#include "composer/data/formats/idx.h"

#include "tests/fuzz/allocation_guard.h"
#include "tests/fuzz/input_file.h"

using composer::AllocationGuard;
using composer::InputFile;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const InputFile plain("a");
  static const InputFile compressed("a.gz");
  for (const InputFile* file : {&plain, &compressed}) {
    file->write({data, size});
    // Deflate makes up to 1032 bytes of one.
    const AllocationGuard guard(size, file == &plain ? 64 : 8 * 1032);
    for (const int dimensions : {1, 3}) {
      (void)composer::read_idx(file->path(), dimensions);
    }
  }
  return 0;
}
