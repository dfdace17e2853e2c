// What a training step costs: a loop written by hand with torch::optim, the same with ATen's fused
// optimizer, and the Trainer with its metrics and JSON lines every ten steps. One thread unless
// --threads says otherwise; the variants alternate in one process and read the same ready batches.
//
//   ./bazelw run //benchmarks:step_overhead [-- --threads=2] [case ...]

#include <ATen/Context.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/arguments.h"
#include "benchmarks/hand_written.h"
#include "benchmarks/report.h"
#include "composer/base/exceptions.h"
#include "composer/config/build_chosen.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/data/batches_loader.h"
#include "composer/loggers/jsonl.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/trainer.h"
#include "google/protobuf/text_format.h"
#include "proto/model.pb.h"

namespace composer::benchmarks {
namespace {

struct Case {
  const char* name;
  const char* model;
  std::vector<int64_t> sample;
  int64_t batch_size;
  int64_t batches;
  // Of one run; a run's value is its mean, log steps included.
  int64_t steps;
};

const Case kCases[] = {
    {"tiny_mlp", "mlp { input_size: 32 hidden_sizes: 64 num_classes: 10 }", {32}, 8, 256, 500},
    {"mlp",
     "mlp { input_size: 784 hidden_sizes: 512 hidden_sizes: 512 num_classes: 10 }",
     {784},
     128,
     32,
     50},
    {"cnn",
     "cnn { channels: 32 channels: 64 channels: 128 num_classes: 10 }",
     {1, 28, 28},
     128,
     16,
     10},
};
constexpr int kRuns = 21;

std::vector<Batch> make_batches(const Case& c) {
  std::vector<Batch> batches;
  for (int64_t i = 0; i < c.batches; ++i) {
    std::vector<int64_t> shape = {c.batch_size};
    shape.insert(shape.end(), c.sample.begin(), c.sample.end());
    batches.push_back(
        {{"input", at::rand(shape)}, {"target", at::randint(10, {c.batch_size}, at::kLong)}});
  }
  return batches;
}

std::shared_ptr<ComposerModel> make_model(const Case& c) {
  config::Model config;
  TORCH_CHECK(google::protobuf::TextFormat::ParseFromString(c.model, &config));
  auto model = build_chosen<ComposerModel>(config);
  throw_if_error(model.status());
  return *model;
}

double microseconds_per_step(const Case& c, const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(c.steps);
}

void measure(const Case& c, const std::string& folder) {
  at::manual_seed(0);
  const std::vector<Batch> batches = make_batches(c);
  const std::shared_ptr<ComposerModel> model = make_model(c);

  HandWritten torch_optim(c.name, /*fused=*/false), fused(c.name, /*fused=*/true);
  torch_optim.set_parameters(model->parameters());
  fused.set_parameters(model->parameters());
  const auto run_by_hand = [&](HandWritten& loop, size_t& position) {
    for (int64_t i = 0; i < c.steps; ++i) {
      const Batch& batch = batches[position++ % batches.size()];
      loop.step(batch.at("input"), batch.at("target"));
    }
  };

  TrainerOptions options;
  options.model = model;
  options.train = std::make_shared<BatchesLoader>(batches);
  options.optimizers = {sgd({.lr = 0.01, .momentum = 0.9})};
  auto jsonl = JsonlLogger::open(folder + "/" + c.name + ".jsonl", Time::batches(10));
  throw_if_error(jsonl.status());
  options.loggers.push_back(*std::move(jsonl));
  auto created = Trainer::create(std::move(options));
  throw_if_error(created.status());
  Trainer& trainer = **created;
  const FitOptions more = {.duration = Time::batches(c.steps).to_string()};

  size_t torch_position = 0, fused_position = 0;
  std::vector<Series> series = {{"torch_optim", {}}, {"fused", {}}, {"trainer", {}}};
  const std::vector<std::function<void()>> variants = {
      [&] { run_by_hand(torch_optim, torch_position); },
      [&] { run_by_hand(fused, fused_position); },
      [&] { throw_if_error(trainer.fit(more)); },
  };
  for (const auto& variant : variants) variant();
  // The same arithmetic, up to rounding: after a run both have the same weights.
  const std::vector<at::Tensor> trained = model->parameters(), by_hand = fused.parameters();
  for (size_t i = 0; i < trained.size(); ++i) {
    TORCH_CHECK(at::allclose(trained[i], by_hand[i], 1e-2, 1e-3), c.name,
                ": the trainer and the loop written by hand do not train the same model");
  }
  for (int run = 0; run < kRuns; ++run) {
    for (size_t i = 0; i < variants.size(); ++i) {
      const size_t next = (i + run) % variants.size();
      series[next].values.push_back(microseconds_per_step(c, variants[next]));
    }
  }
  print_report("step_overhead", c.name, "us/step", series);
}

void run(const Arguments& arguments) {
  arguments.check_names({"tiny_mlp", "mlp", "cnn"});
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("step_overhead." + std::to_string(getpid()));
  std::filesystem::create_directory(folder);
  for (const Case& c : kCases) {
    if (arguments.wants(c.name)) measure(c, folder);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  return composer::benchmarks::run_benchmark(argc, argv, composer::benchmarks::run);
}
