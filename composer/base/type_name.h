#pragma once

#include <string>
#include <typeinfo>

namespace composer {

/// "MixUp" for composer::MixUp: the demangled name without namespaces.
std::string short_type_name(const std::type_info& type);

}  // namespace composer
