#include "tests/data/formats/array_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace composer {

std::vector<GoldenArray> golden_arrays(const std::string& suffix, size_t minimum) {
  std::vector<GoldenArray> arrays;
  std::ifstream file(golden_array_file("arrays.txt"));
  GoldenArray array;
  std::string name, shape, bytes;
  while (file >> name >> array.array >> array.type >> shape >> bytes) {
    if (!absl::EndsWith(name, suffix)) continue;
    array.path = golden_array_file(name);
    array.shape.clear();
    if (shape != "-") {
      for (const auto size : absl::StrSplit(shape, ',')) {
        array.shape.push_back(std::atoll(std::string(size).c_str()));
      }
    }
    array.bytes = bytes == "-" ? "" : absl::HexStringToBytes(bytes);
    arrays.push_back(array);
  }
  EXPECT_GE(arrays.size(), minimum);
  return arrays;
}

void expect_equal(const ArrayView& view, const GoldenArray& golden) {
  EXPECT_EQ(element_name(view.type), golden.type);
  EXPECT_EQ(view.shape, golden.shape);
  EXPECT_EQ(std::string(view.bytes.begin(), view.bytes.end()), golden.bytes);
}

std::string golden_array_file(const std::string& name) {
  return "tests/golden/data/arrays/" + name;
}

}  // namespace composer
