#include "composer/base/type_name.h"

#include <cxxabi.h>

#include <cstdlib>
#include <memory>

namespace composer {

std::string short_type_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  const std::string name = status == 0 ? demangled.get() : type.name();
  const std::string::size_type colon = name.rfind(':');
  return colon == std::string::npos ? name : name.substr(colon + 1);
}

}  // namespace composer
