// A training run that can be killed at any time and started again:
//
//   training_program FOLDER DESCRIPTOR
//
// goes on from the newest good checkpoint in FOLDER/checkpoints, writes FOLDER/metrics.jsonl, and
// at its end FOLDER/end/ba0, which has all of its state. What it does is told through the
// descriptor, a byte each: `kReady`, and `kSaves` before each save.

#include "tests/checkpoint/faults/training_program.h"

#include <ATen/ATen.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "algorithms/mixup.h"
#include "composer/base/run_lock.h"
#include "composer/base/status.h"
#include "composer/callbacks/spike_detector.h"
#include "composer/checkpoint/checkpoint.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/temporary_names.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/data/loader.h"
#include "composer/data/sources/synthetic.h"
#include "composer/loggers/jsonl.h"
#include "composer/metrics/cross_entropy.h"
#include "composer/optim/schedules/cosine_annealing.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/process_settings.h"
#include "composer/trainer/trainer.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

constexpr int64_t kFeatures = 8, kHidden = 16, kClasses = 4, kBatchSize = 8;

class DropoutMlp final : public ComposerModel {
 public:
  DropoutMlp() {
    first_ = register_parameter("first", at::randn({kHidden, kFeatures}) * 0.3);
    second_ = register_parameter("second", at::randn({kClasses, kHidden}) * 0.3);
  }
  Outputs forward(const Batch& batch) override {
    const at::Tensor hidden = at::linear(batch.at("input"), first_).relu();
    return {{"logits", at::linear(at::dropout(hidden, 0.3, is_training()), second_)}};
  }
  Loss loss(const Outputs& outputs, const Batch& batch) override {
    return at::cross_entropy_loss(outputs.at("logits"), batch.at("target"));
  }
  MetricCollection metrics(bool is_train) const override {
    MetricCollection metrics;
    metrics.add("cross_entropy", std::make_unique<CrossEntropy>());
    return metrics;
  }

 private:
  at::Tensor first_, second_;
};

// Tells of saves that come next: every third batch has one.
class Herald final : public Callback {
 public:
  explicit Herald(int descriptor) : descriptor_(descriptor) {}
  void batch_checkpoint(State& state, Logger&) override {
    if (state.timestamp.batch % kBatchesPerSave == 0) tell(kSaves);
  }
  void fit_start(State&, Logger&) override { tell(kReady); }

 private:
  void tell(char what) const {
    if (::write(descriptor_, &what, 1) != 1) ::_exit(3);
  }

  const int descriptor_;
};

absl::StatusOr<std::shared_ptr<DataLoader>> make_loader(int64_t samples, bool training) {
  config::Synthetic config;
  config.set_num_samples(samples);
  config.add_shape(kFeatures);
  config.set_num_classes(kClasses);
  COMPOSER_ASSIGN_OR_RETURN(const auto dataset, Synthetic::create(config));
  COMPOSER_ASSIGN_OR_RETURN(auto loader, MapDataLoader::create(dataset, {.batch_size = kBatchSize,
                                                                         .shuffle = training,
                                                                         .seed = 2,
                                                                         .workers = training}));
  return std::shared_ptr<DataLoader>(std::move(loader));
}

absl::StatusOr<std::unique_ptr<Trainer>> make_trainer(const std::string& folder, int descriptor) {
  seed_everything(1);
  TrainerOptions options;
  options.model = std::make_shared<DropoutMlp>();
  options.seed = 1;
  options.threads = 1;
  COMPOSER_ASSIGN_OR_RETURN(options.train, make_loader(7 * kBatchSize - 3, /*training=*/true));
  COMPOSER_ASSIGN_OR_RETURN(auto held_out, make_loader(2 * kBatchSize, /*training=*/false));
  options.evaluators = {{.data = std::move(held_out), .interval = "5ba"}};
  options.max_duration = "150ba";
  options.optimizers = {sgd({.lr = 0.05, .momentum = 0.9})};
  options.schedulers.push_back(std::make_unique<CosineAnnealingSchedule>(CosineAnnealingOptions()));
  options.algorithms.push_back(std::make_unique<MixUp>());
  options.callbacks.push_back(
      std::make_unique<SpikeDetector>(SpikeDetector::Options{.window = 10, .min_steps = 5}));
  options.callbacks.push_back(std::make_unique<Herald>(descriptor));
  COMPOSER_ASSIGN_OR_RETURN(auto logger,
                            JsonlLogger::open(folder + "/metrics.jsonl", Time::batches(1)));
  options.loggers.push_back(std::move(logger));
  options.checkpoints =
      CheckpointOptions{.saver = {.folder = folder + "/checkpoints", .retention = {.keep_last = 3}},
                        .interval = absl::StrCat(kBatchesPerSave, "ba")};
  return Trainer::create(std::move(options));
}

absl::Status train(const std::string& folder, int descriptor) {
  COMPOSER_ASSIGN_OR_RETURN(const RunLock lock, RunLock::acquire(folder));
  const std::string checkpoints = folder + "/checkpoints";
  COMPOSER_RETURN_IF_ERROR(remove_leftovers(checkpoints, /*alone=*/true).status());
  COMPOSER_ASSIGN_OR_RETURN(const NewestGood newest, newest_good_checkpoint(checkpoints));
  // No kill damages a checkpoint.
  if (!newest.refused.empty()) return absl::DataLossError(newest.refused.front());
  COMPOSER_ASSIGN_OR_RETURN(const auto trainer, make_trainer(folder, descriptor));
  Checkpoint checkpoint;
  if (newest.checkpoint) {
    COMPOSER_ASSIGN_OR_RETURN(checkpoint, read_checkpoint(newest.checkpoint->path));
    COMPOSER_RETURN_IF_ERROR(trainer->load_checkpoint(checkpoint));
  } else {
    // Lines of a process that was killed before its first checkpoint.
    for (const auto& logger : trainer->logger().destinations()) {
      COMPOSER_RETURN_IF_ERROR(logger->load_state_dict({}));
    }
  }
  COMPOSER_RETURN_IF_ERROR(trainer->fit());
  return write_checkpoint(folder + "/end", "ba0", {.state = trainer->state_dict()});
}

}  // namespace
}  // namespace composer

int main(int argc, char** argv) {
  int descriptor = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[2], &descriptor)) {
    std::cerr << "usage: " << argv[0] << " FOLDER DESCRIPTOR\n";
    return 2;
  }
  const absl::Status status = composer::train(argv[1], descriptor);
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
