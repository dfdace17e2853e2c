#pragma once

#include "absl/strings/string_view.h"

namespace composer {

/// Mixed into a model whose original's files hold tensors that it computes itself, such as the
/// masks that GPT-2 once kept as buffers. Who loads weights passes over them.
class ForeignWeights {
 public:
  virtual ~ForeignWeights() = default;
  /// `name`: as the model's own are called.
  virtual bool is_foreign(absl::string_view name) const = 0;
};

}  // namespace composer
