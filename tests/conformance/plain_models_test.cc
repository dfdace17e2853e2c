// What every registered algorithm does with models that are not made of layers in slots: a plain
// torch::nn network, and a TorchScript program. It trains them or says what they lack.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/pooling.h>

#include "absl/strings/str_cat.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/conformance/subject.h"
#include "tests/testing/registered.h"

namespace composer {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using testing::SampleLoader;
using testing::Samples;
using testing::subject_of;

constexpr int64_t kBatchSize = 6;

// A classifier that gives neither per-sample losses nor metrics. Where each token has a target, the
// first one's is the sample's.
class BareModel : public ComposerModel {
 public:
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    const at::Tensor& target = batch.at("target");
    const bool of_tokens = target.dim() == 2 && !target.is_floating_point();
    return at::cross_entropy_loss(outputs.at("logits"), of_tokens ? target.select(1, 0) : target);
  }
};

// Four features of samples of any kind.
at::Tensor features(const Batch& batch) {
  const at::Tensor& input = batch.at(batch.input_name());
  if (input.dim() == 4) return at::adaptive_avg_pool2d(input, {2, 2}).flatten(1);
  const at::Tensor rows = input.to(at::kFloat).unsqueeze(1);
  return at::adaptive_avg_pool1d(rows, {4}).squeeze(1);
}

class PlainModel final : public BareModel {
 public:
  explicit PlainModel(Samples samples) {
    namespace nn = torch::nn;
    if (samples == Samples::kImages) {
      body_ = register_module(
          "body", nn::Sequential(nn::Conv2d(nn::Conv2dOptions(1, 16, 3).stride(2).padding(1)),
                                 nn::BatchNorm2d(16), nn::ReLU(), nn::MaxPool2d(2)));
    }
    head_ = register_module(
        "head", nn::Sequential(nn::Linear(4, 8), nn::ReLU(), nn::Dropout(0.3), nn::Linear(8, 3)));
  }
  Outputs forward(const Batch& batch) override {
    if (!body_) return {{"logits", head_->forward(features(batch))}};
    const at::Tensor maps = body_->forward(batch.at("input")).mean(1, /*keepdim=*/true);
    return {{"logits", head_->forward(features({{"input", maps}}))}};
  }

 private:
  torch::nn::Sequential body_{nullptr}, head_{nullptr};
};

// Its parameters are the wrapper's, where optimizers look for them.
class ScriptModel final : public BareModel {
 public:
  ScriptModel() : script_("scripted") {
    script_.register_parameter("weight", register_parameter("weight", at::randn({3, 4}) * 0.1),
                               /*is_buffer=*/false);
    script_.define("def forward(self, input):\n  return torch.matmul(input, self.weight.t())\n");
  }
  Outputs forward(const Batch& batch) override {
    return {{"logits", script_.forward({features(batch)}).toTensor()}};
  }

 private:
  torch::jit::Module script_;
};

auto lacks_a_slot() {
  return HasSubstr("has no slot for it and would go on calling what is there");
}

class PlainModels : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  std::string config() const { return GetParam(); }
  std::string name() const { return config().substr(config().rfind('.') + 1); }

  absl::StatusOr<std::unique_ptr<Trainer>> make_trainer(bool script,
                                                        const std::string& more = "") const {
    seed_everything(5);
    const Samples samples = subject_of(config()).samples;
    TrainerOptions options;
    if (script) {
      options.model = std::make_shared<ScriptModel>();
    } else {
      options.model = std::make_shared<PlainModel>(samples);
    }
    options.train = std::make_shared<SampleLoader>(samples, 2 * kBatchSize, kBatchSize);
    options.max_duration = "2ba";
    options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
    options.device_train_microbatch_size = 3;
    options.precision = subject_of(config()).precision;
    options.allow_slow_precision = true;
    options.seed = 5;
    auto algorithm = testing::make_registered<Algorithm>(
        config(), absl::StrCat(subject_of(config()).settings.front(), " ", more));
    EXPECT_TRUE(algorithm.ok()) << algorithm.status();
    options.algorithms.push_back(*std::move(algorithm));
    return Trainer::create(std::move(options));
  }
};

TEST_P(PlainModels, AreTrainedUnlessTheyLackWhatTheMessageSays) {
  for (const bool script : {false, true}) {
    SCOPED_TRACE(script ? "TorchScript" : "torch::nn");
    auto trainer = make_trainer(script);
    if (!trainer.ok()) {
      const std::string message(trainer.status().message());
      EXPECT_THAT(message, HasSubstr(name()));
      EXPECT_THAT(message, AnyOf(HasSubstr("override its per_sample_loss"), lacks_a_slot(),
                                 HasSubstr("for BERT only")));
      continue;
    }
    const absl::Status status = (*trainer)->fit();
    EXPECT_TRUE(status.ok()) << status;
    for (const auto& parameter : (*trainer)->state().model->named_parameters()) {
      EXPECT_TRUE(at::isfinite(parameter.value()).all().item<bool>()) << parameter.key();
    }
  }
}

// Without it, a warning says the same.
TEST_P(PlainModels, AreRefusedWhereLayersMustMatch) {
  const auto item = Registry<Algorithm>::global().find(config());
  ASSERT_TRUE(item.ok());
  if ((*item)->config->FindFieldByName("must_match") == nullptr) {
    GTEST_SKIP() << "it changes no layers";
  }
  for (const bool script : {false, true}) {
    const auto trainer = make_trainer(script, "must_match: true");
    ASSERT_FALSE(trainer.ok()) << (script ? "TorchScript" : "torch::nn");
    const std::string message(trainer.status().message());
    EXPECT_THAT(message, HasSubstr(name()));
    EXPECT_THAT(message, AnyOf(HasSubstr("has no effect: the model has no "), lacks_a_slot(),
                               HasSubstr("for BERT only")));
  }
}

INSTANTIATE_TEST_SUITE_P(Registered, PlainModels,
                         ::testing::ValuesIn(Registry<Algorithm>::global().names()),
                         [](const auto& info) {
                           return info.param.substr(info.param.rfind('.') + 1);
                         });

}  // namespace
}  // namespace composer
