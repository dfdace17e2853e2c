#include "composer/data/iterable_dataset.h"

namespace composer {

int64_t RecordReader::skip(int64_t count) {
  int64_t passed = 0;
  for (; passed < count; ++passed) {
    try {
      if (!next()) break;
    } catch (...) {
      // A record like the others, which nobody asked for.
    }
  }
  return passed;
}

}  // namespace composer
