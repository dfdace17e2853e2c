#include "composer/core/algorithm.h"

#include <typeinfo>

#include "composer/base/type_name.h"

namespace composer {

std::string Algorithm::name() const { return short_type_name(typeid(*this)); }

}  // namespace composer
