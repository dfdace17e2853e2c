// The GPT that is measured against PyTorch's, against PyTorch's.

#include "benchmarks/gpt_model.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/nn/activation_checkpoint.h"
#include "composer/optim/adamw.h"
#include "tests/testing/golden.h"

namespace composer::benchmarks {
namespace {

using composer::testing::relative_error;

const TensorDict& golden() {
  static const TensorDict tensors = composer::testing::read_golden("tests/golden/models/gpt.txt");
  return tensors;
}

std::shared_ptr<Gpt> load_golden() {
  at::set_num_threads(1);
  const auto model = std::make_shared<Gpt>(
      GptOptions{.vocabulary = 7, .positions = 5, .width = 16, .layers = 2, .heads = 2});
  const at::NoGradGuard no_grad;
  size_t found = 0;
  for (const auto& [name, tensor] : golden()) found += name.rfind("state/", 0) == 0;
  EXPECT_EQ(model->named_parameters().size(), found);
  for (auto& item : model->named_parameters()) {
    item.value().copy_(golden().at("state/" + item.key()));
  }
  return model;
}

// The losses of three steps.
at::Tensor train(Gpt& model) {
  const Batch batch = {{"input_ids", golden().at("input_ids")}, {"labels", golden().at("labels")}};
  std::vector<NamedParameter> parameters;
  for (const auto& item : model.named_parameters()) {
    parameters.push_back({item.key(), item.value()});
  }
  auto optimizer = adamw({.lr = 0.01, .weight_decay = 0.01})(std::move(parameters));
  throw_if_error(optimizer.status());
  std::vector<at::Tensor> losses;
  for (int step = 0; step < 3; ++step) {
    (*optimizer)->zero_grad();
    const at::Tensor loss = model.loss(model.forward(batch), batch).total();
    loss.backward();
    (*optimizer)->update();
    losses.push_back(loss.detach());
  }
  return at::stack(losses);
}

TEST(GptModelTest, TrainsAsPyTorchsDoes) {
  const auto model = load_golden();
  EXPECT_LT(relative_error(train(*model), golden().at("losses")), 1e-6);
  const auto parameters = model->named_parameters();
  int compared = 0;
  for (const auto& [name, tensor] : golden()) {
    if (name.rfind("after/", 0) != 0) continue;
    EXPECT_LT(relative_error(parameters[name.substr(6)], tensor), 1e-5) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 5);
}

TEST(GptModelTest, TrainsToTheSameBitsWhenItsBlocksAreCheckpointed) {
  const auto model = load_golden(), plain = load_golden();
  const auto layers = checkpoint_activations(*model, "blocks");
  ASSERT_TRUE(layers.ok()) << layers.status();
  EXPECT_EQ(layers->size(), 2u);
  EXPECT_TRUE(at::equal(train(*model), train(*plain)));
  const auto trained = model->parameters(), expected = plain->parameters();
  for (size_t i = 0; i < trained.size(); ++i) EXPECT_TRUE(at::equal(trained[i], expected[i]));
}

}  // namespace
}  // namespace composer::benchmarks
