#pragma once

#include <string>

#include "composer/core/tensor_dict.h"

namespace composer {

/// A batch in messages, to be put behind its name: ", input [128, 1, 28, 28], target [128]".
std::string batch_shapes(const Batch& batch);

}  // namespace composer
