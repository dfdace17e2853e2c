#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace composer {

/// One of the label bytes that each record starts with.
struct CifarLabel {
  const char* name;
  /// It is below this.
  int classes;
};

/// Images of [3][32][32] bytes, one after another, and a label for each.
struct CifarImages {
  static constexpr int64_t kSide = 32;
  static constexpr int64_t kPixels = 3 * kSide * kSide;

  std::vector<uint8_t> images;
  std::vector<uint8_t> labels;
};

/// Appends the records of a file of CIFAR's binary version
/// (https://www.cs.toronto.edu/~kriz/cifar.html): the bytes `labels`, of which the one numbered
/// `kept` is taken, then 3072 bytes of pixels. Every label is checked. DataLoss, with the file,
/// record and byte, what was expected and what was found; also when the file is not a whole number
/// of records, or none.
absl::Status read_cifar(const std::string& path, absl::Span<const CifarLabel> labels, size_t kept,
                        CifarImages& out);

}  // namespace composer
