#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace composer {

/// A line of tests/golden/data/mds/values.txt: what mosaicml-streaming reads.
struct GoldenValue {
  int64_t sample;
  std::string column;
  /// NumPy's; "bytes" for text and bytes.
  std::string type;
  std::vector<int64_t> shape;
  std::string bytes;
};

/// Those of a folder. At least `minimum`, or the test fails.
std::vector<GoldenValue> golden_values(const std::string& folder, size_t minimum);

/// The path of such a folder.
std::string golden_mds(const std::string& folder);

/// A copy of such a folder that a test may change.
std::string copy_of_golden_mds(const std::string& folder);

std::string read_whole_file(const std::string& path);

/// Puts `to` for every `from` in a file; there must be one.
void replace_in_file(const std::string& path, const std::string& from, const std::string& to);

}  // namespace composer
