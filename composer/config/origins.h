#pragma once

#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "composer/config/location.h"

namespace composer {

/// Where each value of a config came from, by field path ("algorithms[0].mixup.alpha"; messages
/// and list elements have an entry too). The fields of a plugin stand below its `plugin`.
class Origins {
 public:
  void set(absl::string_view path, Location location) {
    locations_[std::string(path)] = std::move(location);
  }

  /// nullptr for what was not set.
  const Location* find(absl::string_view path) const {
    const auto found = locations_.find(std::string(path));
    return found == locations_.end() ? nullptr : &found->second;
  }

  /// "examples/x.textproto:12:3", "command line: optimizer.sgd.lr=0.2" or "default".
  std::string describe(absl::string_view path) const {
    const Location* location = find(path);
    return location == nullptr ? "default" : location->origin();
  }

 private:
  absl::flat_hash_map<std::string, Location> locations_;
};

}  // namespace composer
