#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace composer {

/// The path of a file of tests/golden/data/tables.
std::string golden_table(const std::string& name);

/// What Python makes of those files: expected.json.
nlohmann::json expected_of_tables();

/// The bytes of a file; a failure of the test when it cannot be read.
std::string read_bytes(const std::string& path);

}  // namespace composer
