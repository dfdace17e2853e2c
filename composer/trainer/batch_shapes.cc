#include "composer/trainer/batch_shapes.h"

#include <sstream>

namespace composer {

std::string batch_shapes(const Batch& batch) {
  std::ostringstream shapes;
  for (const auto& [name, tensor] : batch) shapes << ", " << name << " " << tensor.sizes();
  return shapes.str();
}

}  // namespace composer
