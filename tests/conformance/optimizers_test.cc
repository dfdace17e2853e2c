// What every optimizer in the registry must hold inside a Trainer. A new one is found by itself;
// one with required fields needs a line in `settings`.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_split.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/snapshot.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "google/protobuf/text_format.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::TinyLoader;
using testing::TinyModel;

constexpr int64_t kBatchSize = 6;

std::string settings(const std::string& config) {
  static const auto* const kSettings = new std::map<std::string, std::string>{
      {"composer.config.Sgd", "lr: 0.1 momentum: 0.9 dampening: 0.1"},
      {"composer.config.DecoupledSgdW", "lr: 0.1 momentum: 0.9 dampening: 0.1 weight_decay: 1e-4"},
  };
  const auto position = kSettings->find(config);
  return position == kSettings->end() ? "" : position->second;
}

OptimizerFactory factory(const std::string& config) {
  return [config](
             std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
    const auto item = Registry<Optimizer>::global().find(config);
    if (!item.ok()) return item.status();
    const std::unique_ptr<google::protobuf::Message> message(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype((*item)->config)
            ->New());
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(settings(config), message.get()))
        << config << ": give its required fields in settings()";
    return (*item)->create(*message, std::move(parameters));
  };
}

std::unique_ptr<Trainer> make_trainer(const std::string& optimizer,
                                      std::vector<std::unique_ptr<Callback>> callbacks = {}) {
  seed_everything(5);
  TrainerOptions options;
  options.model = std::make_shared<TinyModel>();
  options.train = std::make_shared<TinyLoader>(4 * kBatchSize, kBatchSize);
  options.max_duration = "4ba";
  options.optimizers = {factory(optimizer)};
  options.callbacks = std::move(callbacks);
  auto trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return trainer.ok() ? *std::move(trainer) : nullptr;
}

// Takes a snapshot after the second batch.
class Photographer : public Callback {
 public:
  explicit Photographer(StateDict* picture) : picture_(picture) {}
  void batch_checkpoint(State& state, Logger&) override {
    if (state.timestamp.batch == 2) *picture_ = snapshot(state);
  }

 private:
  StateDict* picture_;
};

class OptimizerConformance : public ::testing::TestWithParam<std::string> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

TEST_P(OptimizerConformance, TheModelLearnsAndASnapshotGoesOnWithTheSameBits) {
  StateDict picture;
  std::vector<std::unique_ptr<Callback>> callbacks;
  callbacks.push_back(std::make_unique<Photographer>(&picture));
  const auto whole = make_trainer(GetParam(), std::move(callbacks));
  ASSERT_NE(whole, nullptr);
  const at::Tensor start = whole->state().model->parameters()[0].detach().clone();
  ASSERT_TRUE(whole->fit().ok());
  const at::Tensor trained = whole->state().model->parameters()[0];
  EXPECT_FALSE(trained.equal(start));
  EXPECT_TRUE(at::isfinite(trained).all().item<bool>());

  ASSERT_FALSE(picture.empty());
  std::vector<std::unique_ptr<Callback>> same;
  StateDict unused;
  same.push_back(std::make_unique<Photographer>(&unused));
  const auto resumed = make_trainer(GetParam(), std::move(same));
  const absl::Status status = resumed->load_state_dict(picture);
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(resumed->fit().ok());
  for (const char* part : {"model", "optimizers"}) {
    const StateDict one = whole->state_dict(), other = resumed->state_dict();
    EXPECT_EQ((*one.child(part))->first_difference(**other.child(part)), "") << part;
  }
}

INSTANTIATE_TEST_SUITE_P(Registered, OptimizerConformance,
                         ::testing::ValuesIn(Registry<Optimizer>::global().names()),
                         [](const auto& info) {
                           const std::vector<std::string> parts = absl::StrSplit(info.param, '.');
                           return parts.back();
                         });

TEST(Registry, HasTheOptimizersOfTheCatalogue) {
  EXPECT_GE(Registry<Optimizer>::global().names().size(), 11u);
}

}  // namespace
}  // namespace composer
