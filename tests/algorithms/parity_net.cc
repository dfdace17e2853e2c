#include "tests/algorithms/parity_net.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include <map>

#include "composer/base/exceptions.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/core/state.h"
#include "composer/data/batches_loader.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/trainer.h"

namespace composer::testing {
namespace {

constexpr int64_t kClasses = 4;
constexpr int64_t kBatchSize = 10;

std::map<std::string, at::Tensor> read_runs() {
  const auto file = read_safetensors("tests/golden/algorithms/runs.safetensors");
  throw_if_error(file.status());
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : file->tensors) tensors[name] = tensor;
  return tensors;
}

// Rows as make_runs.py has them.
class Recorder final : public Callback {
 public:
  Recorder(std::vector<double>* losses, std::vector<double>* evaluations)
      : losses_(losses), evaluations_(evaluations) {}

  void before_backward(State& state, Logger&) override {
    losses_->push_back(state.loss.total().item<double>());
  }
  void eval_end(State& state, Logger&) override {
    for (const auto& [name, value] : state.eval_metrics.at("eval")) evaluations_->push_back(value);
  }

 private:
  std::vector<double>* const losses_;
  std::vector<double>* const evaluations_;
};

void expect_near(const std::vector<double>& actual, const std::string& name) {
  const at::Tensor expected = run_golden(name).flatten();
  ASSERT_EQ(static_cast<int64_t>(actual.size()), expected.numel()) << name;
  for (size_t i = 0; i < actual.size(); ++i) {
    const double value = expected[static_cast<int64_t>(i)].item<double>();
    EXPECT_NEAR(actual[i], value, 1e-4 * value) << name << " " << i;
  }
}

std::vector<Batch> batches(const std::string& data) {
  return Batch{{"input", run_golden(data + "/input")}, {"target", run_golden(data + "/target")}}
      .split(kBatchSize);
}

}  // namespace

at::Tensor run_golden(const std::string& name) {
  static const auto* const tensors = new std::map<std::string, at::Tensor>(read_runs());
  const auto found = tensors->find(name);
  TORCH_CHECK_INDEX(found != tensors->end(), "there are no golden numbers ", name);
  const at::Tensor& tensor = found->second;
  return tensor.scalar_type() == at::kHalf ? tensor.to(at::kFloat) : tensor.clone();
}

ParityNet::ParityNet()
    : Classifier(kClasses),
      conv1_(*this, "conv1",
             make_layer<torch::nn::Conv2dImpl>(
                 torch::nn::Conv2dOptions(3, 8, 3).padding(1).bias(false))),
      bn1_(*this, "bn1", make_layer<torch::nn::BatchNorm2dImpl>(8)),
      maxpool_(*this, "maxpool",
               make_layer<torch::nn::MaxPool2dImpl>(
                   torch::nn::MaxPool2dOptions(3).stride(2).padding(1))),
      conv2_(*this, "conv2",
             make_layer<torch::nn::Conv2dImpl>(
                 torch::nn::Conv2dOptions(8, 16, 3).stride(2).padding(1))),
      bn2_(*this, "bn2", make_layer<torch::nn::BatchNorm2dImpl>(16)),
      fc_(*this, "fc", make_layer<torch::nn::LinearImpl>(16, kClasses)) {
  const at::NoGradGuard no_grad;
  for (auto& parameter : named_parameters()) {
    parameter.value().copy_(run_golden("initial/" + parameter.key()));
  }
}

at::Tensor ParityNet::logits(const at::Tensor& input) {
  const at::Tensor first = maxpool_->forward(bn1_->forward(conv1_->forward(input)).relu());
  const at::Tensor second = bn2_->forward(conv2_->forward(first)).relu();
  return fc_->forward(second.mean({2, 3}));
}

void expect_composers_losses(const std::string& name,
                             std::vector<std::unique_ptr<Algorithm>> algorithms,
                             int64_t microbatch) {
  SCOPED_TRACE(name);
  std::vector<double> losses, evaluations;
  TrainerOptions options;
  options.model = std::make_shared<ParityNet>();
  options.train = std::make_shared<BatchesLoader>(batches("train"));
  options.evaluators = {
      {.data = std::make_shared<BatchesLoader>(batches("eval")), .interval = "5ba"}};
  options.max_duration = "20ba";
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.algorithms = std::move(algorithms);
  options.callbacks.push_back(std::make_unique<Recorder>(&losses, &evaluations));
  options.device_train_microbatch_size = microbatch;
  options.threads = 1;
  auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const absl::Status status = (*trainer)->fit();
  ASSERT_TRUE(status.ok()) << status;
  expect_near(losses, name + "/losses");
  expect_near(evaluations, name + "/evaluations");
}

}  // namespace composer::testing
