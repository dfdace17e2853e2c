#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace composer {

/// An array of unsigned bytes, the last dimension fastest.
struct IdxArray {
  std::vector<int64_t> shape;
  std::vector<uint8_t> values;
};

/// Reads an IDX file, MNIST's format (http://yann.lecun.com/exdb/mnist), gzip-compressed when its
/// name ends in ".gz". Its elements must be unsigned bytes in `dimensions` dimensions, and it must
/// hold as many as its header says. DataLoss names the file, the byte, what was expected there and
/// what was found. The header is not believed: memory grows with what was really read.
absl::StatusOr<IdxArray> read_idx(const std::string& path, int dimensions);

}  // namespace composer
