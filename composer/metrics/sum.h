#pragma once

#include <ATen/core/Tensor.h>

#include "absl/strings/string_view.h"
#include "composer/core/state_dict.h"

namespace composer {

/// A running sum that stays on the device of what is added, so that adding never waits for it.
class Sum {
 public:
  /// Adds a scalar. Sums of integers stay integers.
  void add(const at::Tensor& value);
  /// Adds what the host has counted.
  void add(int64_t count);
  /// Reads the sum back; 0 when nothing was added.
  double value() const;
  void reset() { sum_.reset(); }
  void merge(const Sum& other);

  void save(StateDict& state, absl::string_view name) const;
  /// REQUIRES: what `save` wrote under `name`.
  absl::Status load(const StateDict& state, absl::string_view name);

 private:
  at::Tensor sum_;
};

}  // namespace composer
