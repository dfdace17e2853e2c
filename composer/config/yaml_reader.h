#pragma once

#include <memory>
#include <string>

#include "composer/config/diagnostics.h"
#include "composer/config/value.h"

namespace composer {

/// Reads a YAML or JSON text (`source->format` says which) into a tree. Anchors, aliases and merge
/// keys (`<<`) are replaced by what they stand for, within the limits of value.h. A name may carry
/// a plus ("algorithms+"), which appends to the list of an included file. A message whose first
/// name is "@type" becomes one with the single entry "[type]", as in textproto. Errors (a name set
/// twice, a second document, a syntax error, which ends the reading) are added to `diagnostics`.
Value read_yaml(const std::string& text, std::shared_ptr<const Source> source,
                Diagnostics& diagnostics);

}  // namespace composer
