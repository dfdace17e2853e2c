// What a step of a small GPT (4 layers, 128 wide, 4 heads; 8 sequences of 128 tokens) costs: the
// Trainer with JSON lines every ten steps, and a loop written by hand with torch::optim::AdamW. One
// thread unless --threads says otherwise; the variants alternate in one process and read the same
// ready batches. gpt_step_pytorch.py beside it measures PyTorch's own loop over the same model.
//
//   ./bazelw run //benchmarks:gpt_step [-- --threads=2]

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/allclose.h>
#include <torch/optim/adamw.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/arguments.h"
#include "benchmarks/gpt_model.h"
#include "benchmarks/report.h"
#include "composer/base/exceptions.h"
#include "composer/data/batches_loader.h"
#include "composer/loggers/jsonl.h"
#include "composer/optim/adamw.h"
#include "composer/trainer/trainer.h"

namespace composer::benchmarks {
namespace {

constexpr int kRuns = 21;
// Of one run; a run's value is its mean, a log step included.
constexpr int64_t kSteps = 10;
constexpr int64_t kBatches = 32;
constexpr int64_t kBatchSize = 8;
constexpr double kRate = 3e-4;

std::shared_ptr<Gpt> make_model() {
  at::manual_seed(0);
  return std::make_shared<Gpt>();
}

double microseconds_per_step(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
  return taken.count() / static_cast<double>(kSteps);
}

void measure(const std::string& log_file) {
  const std::vector<Batch> batches = random_tokens(GptOptions(), kBatches, kBatchSize);

  const std::shared_ptr<Gpt> by_hand = make_model();
  torch::optim::AdamW optimizer(by_hand->parameters(),
                                torch::optim::AdamWOptions(kRate).weight_decay(0.01));
  size_t position = 0;
  const auto run_by_hand = [&] {
    for (int64_t i = 0; i < kSteps; ++i) {
      const Batch& batch = batches[position++ % batches.size()];
      optimizer.zero_grad();
      const Outputs outputs = by_hand->forward(batch);
      by_hand->loss(outputs, batch).total().backward();
      optimizer.step();
    }
  };

  TrainerOptions options;
  const std::shared_ptr<Gpt> model = make_model();
  options.model = model;
  options.train = std::make_shared<BatchesLoader>(batches);
  options.optimizers = {adamw({.lr = kRate, .weight_decay = 0.01})};
  auto jsonl = JsonlLogger::open(log_file, Time::batches(10));
  throw_if_error(jsonl.status());
  options.loggers.push_back(*std::move(jsonl));
  auto created = Trainer::create(std::move(options));
  throw_if_error(created.status());
  const FitOptions more = {.duration = Time::batches(kSteps).to_string()};

  std::vector<Series> series = {{"trainer", {}}, {"handwritten_torch_optim", {}}};
  const std::vector<std::function<void()>> variants = {
      [&] { throw_if_error((*created)->fit(more)); }, run_by_hand};
  for (const auto& variant : variants) variant();
  const std::vector<at::Tensor> trained = model->parameters(), expected = by_hand->parameters();
  for (size_t i = 0; i < trained.size(); ++i) {
    TORCH_CHECK(at::allclose(trained[i], expected[i], 1e-2, 1e-3),
                "the trainer and the loop written by hand do not train the same model");
  }
  for (int run = 0; run < kRuns; ++run) {
    for (size_t i = 0; i < variants.size(); ++i) {
      const size_t next = (i + run) % variants.size();
      series[next].values.push_back(microseconds_per_step(variants[next]));
    }
  }
  print_report("gpt_step", absl::StrCat(at::get_num_threads(), "_threads"), "us/step", series);
}

void run(const Arguments& arguments) {
  TORCH_CHECK_VALUE(arguments.names.empty(), "expected --threads=N, found ", arguments.names[0]);
  const std::filesystem::path log_file =
      std::filesystem::temp_directory_path() / absl::StrCat("gpt_step.", getpid(), ".jsonl");
  measure(log_file);
  std::filesystem::remove(log_file);
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  return composer::benchmarks::run_benchmark(argc, argv, composer::benchmarks::run);
}
