#include "tests/data/formats/golden_tables.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace composer {

std::string golden_table(const std::string& name) { return "tests/golden/data/tables/" + name; }

nlohmann::json expected_of_tables() {
  return nlohmann::json::parse(read_bytes(golden_table("expected.json")));
}

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

}  // namespace composer
