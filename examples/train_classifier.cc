// The forty-line program of the README.
//
//   ./bazelw run //examples:train_classifier -- 2ep

#include "algorithms/label_smoothing.h"
#include "algorithms/selective_backprop.h"
#include "composer/composer.h"
#include "models/cnn.h"
#include "proto/dataset.pb.h"

using namespace composer;

absl::StatusOr<std::shared_ptr<DataLoader>> fashion_mnist(config::Split split) {
  config::FashionMnist config;
  config.set_split(split);
  COMPOSER_ASSIGN_OR_RETURN(auto dataset, FashionMnist::create(config));
  const bool train = split == config::TRAIN;
  return MapDataLoader::create(dataset, {.batch_size = train ? 128 : 500, .shuffle = train});
}

absl::Status train(const std::string& duration) {
  seed_everything(17);
  TrainerOptions options;
  options.model = std::make_shared<Cnn>();
  COMPOSER_ASSIGN_OR_RETURN(options.train, fashion_mnist(config::TRAIN));
  COMPOSER_ASSIGN_OR_RETURN(auto test, fashion_mnist(config::TEST));
  options.evaluators = {{.label = "test", .data = test}};
  options.optimizers = {sgd({.lr = 0.1, .momentum = 0.9})};
  options.algorithms.push_back(std::make_unique<LabelSmoothing>(0.1));
  options.algorithms.push_back(std::make_unique<SelectiveBackprop>());
  options.loggers.push_back(std::make_unique<ConsoleLogger>(ConsoleLogger::Options{}));
  options.max_duration = duration;

  COMPOSER_ASSIGN_OR_RETURN(auto trainer, Trainer::create(std::move(options)));
  COMPOSER_RETURN_IF_ERROR(trainer->fit());
  for (const auto& [name, value] : trainer->state().eval_metrics.at("test")) {
    std::printf("%s %.4f\n", name.c_str(), value);
  }
  return absl::OkStatus();
}

int main(int argc, char** argv) {
  const absl::Status status = train(argc > 1 ? argv[1] : "2ep");
  if (!status.ok()) std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
