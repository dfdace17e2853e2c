// A model needs no trainer: the same object in a loop written by hand, as in LibTorch's tutorials.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/optim/sgd.h>

#include "composer/optim/sgd.h"
#include "models/mlp.h"
#include "tests/testing/golden.h"

namespace composer {
namespace {

class PlainLoopTest : public ::testing::Test {
 protected:
  PlainLoopTest() {
    const at::NoGradGuard no_grad;
    for (const auto& item : model.named_parameters()) {
      item.value().copy_(golden.at("mlp/state/" + item.key()));
    }
  }

  void expect_pytorchs_losses(const std::vector<at::Tensor>& losses) {
    const at::Tensor expected = golden.at("plain/losses");
    EXPECT_LT(testing::relative_error(at::stack(losses), expected), 1e-5);
    EXPECT_LT(expected[19].item<double>(), 0.5 * expected[0].item<double>());
  }

  const TensorDict golden = testing::read_golden("tests/golden/models/models.txt");
  const Batch batch = {{"input", golden.at("mlp/input")}, {"target", golden.at("mlp/target")}};
  Mlp model{{.input_size = 6, .hidden_sizes = {5, 4}, .num_classes = 3}};
};

TEST_F(PlainLoopTest, WithTorchOptimGivesPyTorchsLosses) {
  torch::optim::SGD optimizer(model.parameters(), torch::optim::SGDOptions(0.3).momentum(0.9));
  std::vector<at::Tensor> losses;
  for (int step = 0; step < 20; ++step) {
    optimizer.zero_grad();
    const Outputs outputs = model.forward(batch);
    const at::Tensor loss = model.loss(outputs, batch).total();
    loss.backward();
    optimizer.step();
    losses.push_back(loss.detach());
  }
  expect_pytorchs_losses(losses);
}

TEST_F(PlainLoopTest, WithTheFusedOptimizerGivesPyTorchsLosses) {
  std::vector<NamedParameter> parameters;
  for (const auto& item : model.named_parameters())
    parameters.push_back({item.key(), item.value()});
  Sgd optimizer(parameters, {.lr = 0.3, .momentum = 0.9});
  std::vector<at::Tensor> losses;
  for (int step = 0; step < 20; ++step) {
    losses.push_back(optimizer.step([&] {
      optimizer.zero_grad();
      const at::Tensor loss = model.loss(model.forward(batch), batch).total();
      loss.backward();
      return loss.detach();
    }));
  }
  expect_pytorchs_losses(losses);
}

}  // namespace
}  // namespace composer
