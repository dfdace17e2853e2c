#pragma once

#include <vector>

#include "composer/core/optimizer.h"

namespace composer {

/// The part of its weights that a decoupled optimizer's group loses in this update: weight_decay *
/// lr / initial_lr; weight_decay when the initial learning rate is 0.
double decoupled_decay(const ParameterGroup& group);

/// Throws when a group's weight decay is above 1, and warns when it is so large (1e-3, as in
/// Composer) that it looks like one of `counterpart`, which is multiplied by the learning rate.
void check_decoupled_decay(const std::vector<ParameterGroup>& groups, const char* name,
                           const char* counterpart);

}  // namespace composer
