#include "tests/algorithms/surgery_net.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/testing/formula.h"
#include "tests/testing/golden.h"

namespace composer::testing {

std::shared_ptr<ResNet> surgery_net(bool large_images) {
  auto net = std::make_shared<ResNet>(ResNetOptions{.blocks = {2, 2},
                                                    .bottleneck = true,
                                                    .large_images = large_images,
                                                    .width = 4,
                                                    .num_classes = 3});
  set_by_formula(*net);
  return net;
}

at::Tensor surgery_golden(const std::string& name) {
  static const TensorDict tensors = read_golden("tests/golden/algorithms/surgery.txt");
  return tensors.at(name).clone();
}

void expect_golden_net(ResNet& net, const std::string& name) {
  const std::string prefix = "net/" + name + "/";
  at::Tensor weight;
  for (const auto& item : net.named_parameters()) {
    if (item.key().rfind("conv1.", 0) == 0 && !weight.defined()) weight = item.value();
  }
  const int64_t size = weight.size(2) == 3 ? 16 : 32;
  const at::Tensor images = formula("images", {6, 3, size, size}) * 4;
  net.train();
  const at::Tensor logits = net.logits(images);
  EXPECT_LT(relative_error(logits, surgery_golden(prefix + "training")), 1e-5) << name;
  logits.pow(2).mean().backward();
  EXPECT_LT(relative_error(weight.grad().narrow(0, 0, 2), surgery_golden(prefix + "gradient")),
            1e-4)
      << name;
  net.eval();
  EXPECT_LT(relative_error(net.logits(images), surgery_golden(prefix + "evaluation")), 1e-5)
      << name;
}

}  // namespace composer::testing
