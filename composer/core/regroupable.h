#pragma once

#include <vector>

#include "composer/core/optimizer.h"

namespace composer {

/// An optimizer whose parameters can change between two steps, as module surgery needs it.
class Regroupable {
 public:
  virtual ~Regroupable() = default;

  /// From now on updates the parameters of `groups`: as many groups as before, with settings of
  /// their own. State goes with the tensor, whatever it is called now: who is new begins at its
  /// first update, and the state of who is gone is dropped. Throws a ValueError, and changes
  /// nothing, for what the constructor would refuse.
  virtual void set_groups(std::vector<ParameterGroup> groups) = 0;
};

}  // namespace composer
