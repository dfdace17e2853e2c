#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "composer/core/snapshot.h"
#include "composer/data/loader.h"
#include "composer/data/tensor_dataset.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "tests/testing/tiny.h"

namespace composer {
namespace {

using testing::plain_sgd;
using testing::TinyLoader;
using testing::TinyModel;

std::unique_ptr<Trainer> create(TrainerOptions options) {
  seed_everything(3);
  options.model = std::make_shared<TinyModel>();
  options.optimizers = {plain_sgd(0.5)};
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = Trainer::create(std::move(options));
  EXPECT_TRUE(trainer.ok()) << trainer.status();
  return trainer.ok() ? *std::move(trainer) : nullptr;
}

int count_evaluations(const std::string& interval, const std::string& max_duration, int64_t samples,
                      int64_t batch_size) {
  class Counter final : public Callback {
   public:
    explicit Counter(int* count) : count_(count) {}
    void eval_start(State& state, Logger& logger) override { ++*count_; }

   private:
    int* count_;
  };
  int count = 0;
  TrainerOptions options;
  options.train = std::make_shared<TinyLoader>(samples, batch_size);
  options.max_duration = max_duration;
  options.evaluators = {{.data = std::make_shared<TinyLoader>(4, 4), .interval = interval}};
  options.callbacks.push_back(std::make_unique<Counter>(&count));
  EXPECT_TRUE(create(std::move(options))->fit().ok());
  return count;
}

TEST(Evaluate, AsOftenAsTheIntervalIsCrossedAndOnceAtTheEnd) {
  EXPECT_EQ(count_evaluations("1ep", "3ep", 8, 4), 3);
  EXPECT_EQ(count_evaluations("2ep", "3ep", 8, 4), 2);   // after 2, and at the end
  EXPECT_EQ(count_evaluations("5ba", "12ba", 8, 4), 3);  // after 5 and 10, and at the end
  EXPECT_EQ(count_evaluations("5ba", "10ba", 8, 4), 2);
  EXPECT_EQ(count_evaluations("3sp", "16sp", 8, 4), 4);  // each batch of 4 crosses a multiple of 3
  EXPECT_EQ(count_evaluations("0.1dur", "10ep", 8, 4), 10);
  EXPECT_EQ(count_evaluations("0.35dur", "10ep", 4, 4), 3);
  EXPECT_EQ(count_evaluations("0.25dur", "1ep", 16, 4), 4);  // inside the only epoch
  EXPECT_EQ(count_evaluations("0ep", "3ep", 8, 4), 0);
}

TEST(Evaluate, IsExactForARaggedLastBatchAndLeavesTheTrainingModeAlone) {
  TrainerOptions options;
  options.evaluators = {{.label = "ragged", .data = std::make_shared<TinyLoader>(10, 4)},
                        {.label = "whole", .data = std::make_shared<TinyLoader>(10, 10)}};
  const auto trainer = create(std::move(options));
  trainer->state().model->train();
  const auto results = trainer->eval();
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at("ragged"), results->at("whole"));
  EXPECT_TRUE(trainer->state().model->is_training());
  EXPECT_EQ(trainer->state().eval_metrics.at("ragged"), results->at("ragged"));
}

TEST(Evaluate, ASubsetLimitsTheBatches) {
  class Counter final : public Callback {
   public:
    void eval_end(State& state, Logger& logger) override { samples = state.eval_timestamp.sample; }
    int64_t samples = 0;
  };
  TrainerOptions options;
  auto counter = std::make_unique<Counter>();
  Counter* seen = counter.get();
  options.callbacks.push_back(std::move(counter));
  options.evaluators = {{.data = std::make_shared<TinyLoader>(10, 4), .subset_num_batches = 2}};
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->eval().ok());
  EXPECT_EQ(seen->samples, 8);
}

TEST(Evaluate, RefusesWhatCannotWork) {
  const auto refuse = [](Evaluator evaluator) {
    TrainerOptions options;
    options.model = std::make_shared<TinyModel>();
    options.evaluators.push_back(std::move(evaluator));
    return std::string(Trainer::create(std::move(options)).status().message());
  };
  EXPECT_EQ(refuse({.label = "test"}), "evaluator \"test\" has no data");
  const auto stream = std::make_shared<TinyLoader>(4, 4);
  stream->stream = true;
  EXPECT_EQ(refuse({.data = stream}),
            "evaluator \"eval\" reads a stream without an end: set subset_num_batches");
  EXPECT_EQ(refuse({.data = std::make_shared<TinyLoader>(4, 4), .metric_names = {"f1"}}),
            "evaluator \"eval\": the model has no metric \"f1\"; it has accuracy");

  TrainerOptions twice;
  twice.model = std::make_shared<TinyModel>();
  const Evaluator evaluator = {.data = std::make_shared<TinyLoader>(4, 4)};
  twice.evaluators = {evaluator, evaluator};
  EXPECT_EQ(Trainer::create(std::move(twice)).status().message(),
            "two evaluators are labelled \"eval\"");
  EXPECT_EQ(create({})->eval().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Evaluate, DoesNotMoveTraining) {
  const auto train = [](bool evaluate) {
    TrainerOptions options;
    options.train = std::make_shared<TinyLoader>(10, 4);
    options.max_duration = "2ep";
    if (evaluate) {
      options.evaluators = {{.data = std::make_shared<TinyLoader>(4, 2), .interval = "1ba"}};
    }
    const auto trainer = create(std::move(options));
    EXPECT_TRUE(trainer->fit().ok());
    return dynamic_cast<const TinyModel&>(*trainer->state().model).weight.detach().clone();
  };
  EXPECT_TRUE(at::equal(train(true), train(false)));
}

TEST(Evaluate, MayUseTheLoaderThatIsTrainedOn) {
  const auto data = std::make_shared<TinyLoader>(10, 2);
  TrainerOptions options;
  options.train = data;
  options.max_duration = "2ep";
  options.evaluators = {{.data = data, .interval = "2ba"}};
  const auto trainer = create(std::move(options));
  ASSERT_TRUE(trainer->fit().ok());
  EXPECT_EQ(trainer->state().timestamp.batch, 10);
  EXPECT_EQ(trainer->state().timestamp.sample, 20);
}

TEST(Evaluate, LeavesTheTrainingLoaderInWhatIsSaved) {
  class Saver final : public Callback {
   public:
    explicit Saver(StateDict* saved) : saved_(saved) {}
    void eval_end(State& state, Logger& logger) override { *saved_ = snapshot(state); }

   private:
    StateDict* saved_;
  };
  const auto rows = [](int64_t count) {
    const auto dataset = std::make_shared<TensorDataset>(
        TensorDict{{"input", at::ones({count, 4})}, {"target", at::zeros({count}, at::kLong)}});
    return std::shared_ptr<DataLoader>(*MapDataLoader::create(dataset, {.batch_size = 2}));
  };
  StateDict saved;
  const auto make = [&] {
    TrainerOptions options;
    options.train = rows(10);
    options.max_duration = "1ep";
    options.evaluators = {{.data = rows(4)}};
    options.callbacks.push_back(std::make_unique<Saver>(&saved));
    return create(std::move(options));
  };
  ASSERT_TRUE(make()->fit().ok());
  const absl::Status restored = make()->load_state_dict(saved);
  EXPECT_TRUE(restored.ok()) << restored;
}

TEST(Predict, GivesTheOutputsInOrder) {
  const auto trainer = create({});
  TinyLoader data(10, 4);
  const auto outputs = trainer->predict(data);
  ASSERT_TRUE(outputs.ok()) << outputs.status();
  ASSERT_EQ(outputs->size(), 3u);
  TinyLoader whole(10, 10);
  auto& model = dynamic_cast<TinyModel&>(*trainer->state().model);
  const at::Tensor expected = model.forward(*whole.next()).at("logits").detach();
  const at::Tensor logits =
      at::cat({(*outputs)[0].at("logits"), (*outputs)[1].at("logits"), (*outputs)[2].at("logits")});
  EXPECT_TRUE(at::allclose(logits, expected));

  int64_t rows = 0;
  const auto sunk = trainer->predict(
      data, {.subset_num_batches = 2,
             .sink = [&](const Outputs& batch) { rows += batch.at("logits").size(0); }});
  ASSERT_TRUE(sunk.ok());
  EXPECT_TRUE(sunk->empty());
  EXPECT_EQ(rows, 8);
}

}  // namespace
}  // namespace composer
