#include "composer/data/iterable_dataset.h"

namespace composer {

void RecordReader::skip(int64_t count) {
  for (int64_t i = 0; i < count && next(); ++i) {
  }
}

}  // namespace composer
