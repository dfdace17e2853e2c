#pragma once

#include <string>

#include "composer/core/tensor_dict.h"

namespace composer {

// Which tensors of a batch an algorithm acts on, where its config may leave that open.

/// `key`, or the name of the batch's input where that is empty.
inline std::string input_key(const std::string& key, const Batch& batch) {
  return key.empty() ? std::string(batch.input_name()) : key;
}

/// `key`, or the name of the batch's target where that is empty.
inline std::string target_key(const std::string& key, const Batch& batch) {
  return key.empty() ? std::string(batch.target_name()) : key;
}

}  // namespace composer
