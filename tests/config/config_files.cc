#include "tests/config/config_files.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "composer/base/logging.h"
#include "tests/config/plugin.pb.h"

namespace composer {

namespace fs = std::filesystem;

ConfigFolder::ConfigFolder() : before_(fs::current_path()) {
  // Makes the linker keep the type, which configs name.
  CHECK(test::Everything::descriptor() != nullptr);
  const fs::path folder = fs::path(std::getenv("TEST_TMPDIR")) / "config";
  fs::remove_all(folder);
  fs::create_directories(folder);
  fs::current_path(folder);
}

ConfigFolder::~ConfigFolder() { fs::current_path(before_); }

void ConfigFolder::write(const std::string& name, const std::string& content) const {
  const fs::path path(name);
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  // Some file systems flush a file that is truncated and written anew, which takes milliseconds.
  fs::remove(path);
  std::ofstream(path, std::ios::binary) << content;
}

absl::StatusOr<ResolvedConfig> load_text(const std::string& name, const std::string& content,
                                         const std::vector<std::string>& overrides) {
  ConfigFolder folder;
  folder.write(name, content);
  return load_config(name, overrides);
}

std::string errors_of(const std::string& name, const std::string& content,
                      const std::vector<std::string>& overrides) {
  return std::string(load_text(name, content, overrides).status().message());
}

}  // namespace composer
