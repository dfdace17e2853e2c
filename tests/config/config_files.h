#pragma once

#include <string>
#include <vector>

#include "composer/config/load_config.h"

namespace composer {

/// A fresh empty folder that is the process's current one while this lives, so that errors name
/// files as a user would have given them.
class ConfigFolder {
 public:
  ConfigFolder();
  ~ConfigFolder();

  void write(const std::string& name, const std::string& content) const;

 private:
  std::string before_;
};

/// The config in a single file of this name.
absl::StatusOr<ResolvedConfig> load_text(const std::string& name, const std::string& content,
                                         const std::vector<std::string>& overrides = {});

/// All that load_config says about it; "" when it is right.
std::string errors_of(const std::string& name, const std::string& content,
                      const std::vector<std::string>& overrides = {});

}  // namespace composer
