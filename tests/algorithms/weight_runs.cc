#include "tests/algorithms/weight_runs.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "composer/core/state.h"
#include "composer/data/batches_loader.h"
#include "composer/optim/sgd.h"
#include "tests/testing/golden.h"

namespace composer::testing {
namespace {

constexpr int64_t kBatchSize = 8;

class Recorder final : public Callback {
 public:
  explicit Recorder(RunLosses* recorded) : recorded_(recorded) {}
  void after_loss(State& state, Logger&) override {
    recorded_->losses.push_back(state.loss.total().item<float>());
  }
  void eval_batch_end(State& state, Logger&) override {
    const Loss loss = state.model->loss(state.outputs, state.batch);
    recorded_->evaluations.push_back(loss.total().item<float>());
  }

 private:
  RunLosses* const recorded_;
};

void expect_near(const std::vector<float>& actual, const std::string& name) {
  const at::Tensor expected = weight_run(name);
  ASSERT_EQ(static_cast<int64_t>(actual.size()), expected.numel()) << name;
  for (size_t i = 0; i < actual.size(); ++i) {
    const float value = expected[static_cast<int64_t>(i)].item<float>();
    EXPECT_NEAR(actual[i], value, 1e-4 * value) << name << " " << i;
  }
}

}  // namespace

at::Tensor weight_run(const std::string& name) {
  static const auto* const tensors =
      new TensorDict(read_golden("tests/golden/algorithms/weight_runs.txt"));
  return tensors->at(name).clone();
}

RunNet::RunNet() {
  fc1_ = register_module("fc1", torch::nn::Linear(4, 8));
  bn_ = register_module("bn", torch::nn::BatchNorm1d(8));
  fc2_ = register_module("fc2", torch::nn::Linear(8, 3));
  const at::NoGradGuard no_grad;
  for (auto& parameter : named_parameters()) {
    parameter.value().copy_(weight_run("run/initial/" + parameter.key()));
  }
}

Outputs RunNet::forward(const Batch& batch) {
  return {{"logits", fc2_(at::relu(bn_(fc1_(batch.at("input")))))}};
}

Loss RunNet::loss(const Outputs& outputs, const Batch& batch) {
  return at::cross_entropy_loss(outputs.at("logits"), batch.at("target"));
}

TrainerOptions run_options(std::vector<std::unique_ptr<Algorithm>> algorithms,
                           RunLosses* recorded) {
  TrainerOptions options;
  options.model = std::make_shared<RunNet>();
  options.train = std::make_shared<BatchesLoader>(Batch{
      {"input", weight_run("run/input")},
      {"target", weight_run("run/target")}}.split(kBatchSize));
  options.evaluators = {
      {.data = std::make_shared<BatchesLoader>(std::vector<Batch>{
           {{"input", weight_run("run/eval/input")}, {"target", weight_run("run/eval/target")}}}),
       .interval = "1ba"}};
  options.max_duration = "20ba";
  options.optimizers = {sgd({.lr = 0.2, .momentum = 0.9})};
  options.algorithms = std::move(algorithms);
  options.threads = 1;
  if (recorded != nullptr) options.callbacks.push_back(std::make_unique<Recorder>(recorded));
  return options;
}

std::unique_ptr<Trainer> expect_composers_run(const std::string& name,
                                              std::vector<std::unique_ptr<Algorithm>> algorithms) {
  RunLosses recorded;
  auto trainer = Trainer::create(run_options(std::move(algorithms), &recorded));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  if (!trainer.ok()) return nullptr;
  const absl::Status status = (*trainer)->fit();
  EXPECT_TRUE(status.ok()) << status;
  expect_near(recorded.losses, absl::StrCat("run/", name, "/losses"));
  expect_near(recorded.evaluations, absl::StrCat("run/", name, "/evaluations"));
  return *std::move(trainer);
}

void expect_near_run(const StateDict& tensors, const std::string& run) {
  EXPECT_FALSE(tensors.tensors().empty());
  for (const auto& [name, tensor] : tensors.tensors()) {
    if (!tensor.is_floating_point()) continue;
    EXPECT_LT(relative_error(tensor, weight_run(absl::StrCat("run/", run, "/", name))), 1e-4)
        << name;
  }
}

StateDict weights_of(const Trainer& trainer) {
  return **trainer.state_dict().cloned().child("model");
}

}  // namespace composer::testing
