#pragma once

#include <string>
#include <vector>

#include "composer/cli/catalogue.h"

namespace composer {

/// What an algorithm cannot be in a run with.
struct Conflicts {
  /// The setting that it is about, "interpolate_loss: true"; empty for the defaults.
  std::string setting;
  /// As a config writes them: "cutmix", or "cutmix { interpolate_loss: true }" where it is only
  /// that setting that is in the way.
  std::vector<std::string> others;
};

/// Those of an algorithm by its defaults, then those that one of its switches adds; nothing where
/// there are none. They are what check_compatible says of every pair in the registry.
std::vector<Conflicts> conflicts_of(const CatalogueItem& algorithm);

}  // namespace composer
