#pragma once

#include <memory>
#include <string>

#include "models/resnet.h"

namespace composer::testing {

/// The network of tests/golden/algorithms/make_surgery.py, with its weights.
std::shared_ptr<ResNet> surgery_net(bool large_images = false);

/// The tensor called `name` in surgery.txt.
at::Tensor surgery_golden(const std::string& name);

/// Expects the logits and the gradient that are "net/`name`/..." there.
void expect_golden_net(ResNet& net, const std::string& name);

}  // namespace composer::testing
