#include "tests/data/formats/mds_files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/data/formats/idx_files.h"

namespace composer {

std::vector<GoldenValue> golden_values(const std::string& folder, size_t minimum) {
  std::vector<GoldenValue> values;
  std::ifstream file(golden_mds("values.txt"));
  GoldenValue value;
  std::string name, shape, bytes;
  while (file >> name >> value.sample >> value.column >> value.type >> shape >> bytes) {
    if (name != folder) continue;
    value.shape.clear();
    if (shape != "-") {
      for (const auto size : absl::StrSplit(shape, ',')) {
        value.shape.push_back(std::atoll(std::string(size).c_str()));
      }
    }
    value.bytes = bytes == "-" ? "" : absl::HexStringToBytes(bytes);
    values.push_back(value);
  }
  EXPECT_GE(values.size(), minimum);
  return values;
}

std::string golden_mds(const std::string& folder) { return "tests/golden/data/mds/" + folder; }

std::string copy_of_golden_mds(const std::string& folder) {
  const std::string copy = make_folder();
  for (const auto& entry : std::filesystem::directory_iterator(golden_mds(folder))) {
    write_file(copy + "/" + entry.path().filename().string(),
               read_whole_file(entry.path().string()));
  }
  return copy;
}

std::string read_whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void replace_in_file(const std::string& path, const std::string& from, const std::string& to) {
  std::string text = read_whole_file(path);
  ASSERT_GT(absl::StrReplaceAll({{from, to}}, &text), 0) << path << " has no " << from;
  write_file(path, text);
}

}  // namespace composer
