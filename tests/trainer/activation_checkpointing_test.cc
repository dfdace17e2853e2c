#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/function.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include <memory>
#include <string>
#include <vector>

#include "composer/base/status.h"
#include "composer/nn/layer.h"
#include "composer/nn/layer_sequence.h"
#include "composer/nn/slot.h"
#include "composer/trainer/from_config.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "google/protobuf/text_format.h"
#include "models/mlp.h"
#include "proto/run.pb.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using ::testing::HasSubstr;
using testing::plain_sgd;
using testing::TinyLoader;

struct Block final : torch::nn::Module, SlotOwner, Layer {
  at::Tensor forward(const at::Tensor& input) override {
    return last->forward(drop->forward(norm->forward(first->forward(input)).relu()));
  }
  Slot<Layer> first{*this, "first", make_layer<torch::nn::LinearImpl>(4, 8)};
  Slot<Layer> norm{*this, "norm", make_layer<torch::nn::BatchNorm1dImpl>(8)};
  Slot<Layer> drop{*this, "drop", make_layer<torch::nn::DropoutImpl>(0.3)};
  Slot<Layer> last{*this, "last", make_layer<torch::nn::LinearImpl>(8, 4)};
};

class Net final : public ComposerModel, public SlotOwner {
 public:
  Net() {
    for (int i = 0; i < 2; ++i) blocks->push_back(std::make_shared<Block>());
  }
  Outputs forward(const Batch& batch) override {
    return {{"logits", head->forward(blocks->forward(batch.at("input")))}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return at::cross_entropy_loss(outputs.at("logits"), batch.at("target"));
  }

  std::shared_ptr<LayerSequence> blocks =
      register_module("blocks", std::make_shared<LayerSequence>());
  Slot<Layer> head{*this, "head", make_layer<torch::nn::LinearImpl>(4, 3)};
};

TrainerOptions options_with(const std::string& pattern) {
  seed_everything(3);
  TrainerOptions options;
  options.model = std::make_shared<Net>();
  options.train = std::make_shared<TinyLoader>(24, 12);
  options.max_duration = "3ep";
  options.optimizers = {plain_sgd(0.2)};
  options.device_train_microbatch_size = 5;
  options.activation_checkpointing = pattern;
  options.threads = 1;
  return options;
}

bool is_checkpointed(Slot<Layer>& slot, const at::Tensor& input) {
  return slot->forward(input).grad_fn()->name().find("ComputedTwice") != std::string::npos;
}

TEST(ActivationCheckpointing, TrainsToTheSameBits) {
  std::vector<at::Tensor> results[2];
  const std::string patterns[] = {"", "blocks"};
  for (int i = 0; i < 2; ++i) {
    auto trainer = Trainer::create(options_with(patterns[i]));
    ASSERT_TRUE(trainer.ok()) << trainer.status();
    const absl::Status status = (*trainer)->fit();
    ASSERT_TRUE(status.ok()) << status;
    results[i] = (*trainer)->state().model->parameters();
    for (const at::Tensor& buffer : (*trainer)->state().model->buffers()) {
      results[i].push_back(buffer);
    }
    results[i].push_back(at::rand({3}));
  }
  ASSERT_EQ(results[0].size(), results[1].size());
  for (size_t i = 0; i < results[0].size(); ++i) {
    EXPECT_TRUE(at::equal(results[0][i], results[1][i])) << i;
  }
}

TEST(ActivationCheckpointing, APatternThatFindsNothingIsAnError) {
  const absl::Status status = Trainer::create(options_with("block[0-9]")).status();
  EXPECT_EQ(field_of(status), "activation_checkpointing.layers");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("\"block[0-9]\" finds no layer; there are blocks.0, blocks.0.first, "));
}

// Surgery, as an algorithm does it.
class ReplaceHead final : public Algorithm {
 public:
  AlgorithmTraits traits() const override { return {.events = {Event::kInit}}; }
  bool match(Event event, const State& state) const override { return true; }
  void apply(Event event, State& state, Logger& logger) override {
    auto& net = dynamic_cast<Net&>(*state.model);
    auto stem = std::make_shared<LayerSequence>();
    stem->push_back(make_layer<torch::nn::LinearImpl>(4, 3));
    net.slots()[0]->replace(stem);
  }
};

TEST(ActivationCheckpointing, SeesTheModelAfterSurgery) {
  TrainerOptions options = options_with("head\\.0");
  options.algorithms.push_back(std::make_unique<ReplaceHead>());
  const auto trainer = Trainer::create(std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  auto& net = dynamic_cast<Net&>(*(*trainer)->state().model);
  auto* const stem = dynamic_cast<LayerSequence*>(net.slots()[0]->module().get());
  ASSERT_NE(stem, nullptr);
  EXPECT_TRUE(is_checkpointed(dynamic_cast<Slot<Layer>&>(*stem->slots()[0]), at::randn({2, 4})));
}

TEST(ActivationCheckpointing, IsSwitchedOnInTheConfig) {
  config::Run run;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(device: "cpu"
         model { mlp { input_size: 4 hidden_sizes: 5 num_classes: 3 } }
         optimizer { sgd { lr: 0.1 } }
         activation_checkpointing { layers: "layers\\.[02]" })",
      &run));
  auto options = build_trainer_options(run, {});
  ASSERT_TRUE(options.ok()) << options.status();
  const auto trainer = Trainer::create(*std::move(options));
  ASSERT_TRUE(trainer.ok()) << trainer.status();
  const auto layers = (*trainer)->state().model->named_children()["layers"];
  const auto& slots = dynamic_cast<LayerSequence&>(*layers).slots();
  EXPECT_TRUE(is_checkpointed(dynamic_cast<Slot<Layer>&>(*slots[0]), at::randn({2, 4})));
  EXPECT_FALSE(
      is_checkpointed(dynamic_cast<Slot<Layer>&>(*slots[1]), at::randn({2, 5}).requires_grad_()));
  EXPECT_TRUE(is_checkpointed(dynamic_cast<Slot<Layer>&>(*slots[2]), at::randn({2, 5})));
}

}  // namespace
}  // namespace composer
