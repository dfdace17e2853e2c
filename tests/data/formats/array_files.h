#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "composer/data/formats/array_view.h"

namespace composer {

/// A line of tests/golden/data/arrays/arrays.txt: what Python wrote.
struct GoldenArray {
  std::string path;
  /// "-" for the only one of a .npy file.
  std::string array;
  std::string type;
  std::vector<int64_t> shape;
  std::string bytes;
};

/// Those of the files whose name ends so. At least `minimum`, or the test fails.
std::vector<GoldenArray> golden_arrays(const std::string& suffix, size_t minimum);

void expect_equal(const ArrayView& view, const GoldenArray& golden);

/// The path of a file in that folder.
std::string golden_array_file(const std::string& name);

}  // namespace composer
