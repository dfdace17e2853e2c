#pragma once

#include <string>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/core/state.h"

namespace composer {

/// The names of the algorithms before `self` that act at init, where they may have changed the
/// model's layers: "BlurPool, SqueezeExcite". Empty when there are none.
std::string earlier_surgery(const State& state, const Algorithm& self);

/// Calls `work`; what it throws says after which methods it was called, where there are any.
template <typename Work>
auto after_earlier_surgery(const State& state, const Algorithm& self, const Work& work) {
  const std::string earlier = earlier_surgery(state, self);
  if (earlier.empty()) return work();
  return in_context([&] { return absl::StrCat("after ", earlier); }, work);
}

}  // namespace composer
