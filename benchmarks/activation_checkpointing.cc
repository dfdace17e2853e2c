// What activation checkpointing saves in memory and costs in time: steps of the Trainer with and
// without it over a GPT of 12 layers and over one of 4 layers and long sequences, every block
// computed a second time. Memory is the most that tensors take within a run, parameters, gradients
// and the optimizer's state included. One thread unless --threads says otherwise.
//
//   ./bazelw run //benchmarks:activation_checkpointing [-- --threads=2] [case ...]

#include <ATen/Context.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmarks/arguments.h"
#include "benchmarks/gpt_model.h"
#include "benchmarks/report.h"
#include "benchmarks/tensor_memory.h"
#include "composer/base/exceptions.h"
#include "composer/data/batches_loader.h"
#include "composer/optim/adamw.h"
#include "composer/trainer/trainer.h"

namespace composer::benchmarks {
namespace {

struct Case {
  const char* name;
  GptOptions options;
  int64_t batch_size;
};

const Case kCases[] = {
    {"deep", {.layers = 12}, 8},
    {"long", {.positions = 1024, .layers = 4}, 4},
};
constexpr int kRuns = 7;
// Of one run.
constexpr int64_t kSteps = 3;
constexpr int64_t kBatches = 4;

struct Variant {
  const char* name;
  const char* pattern;
};

constexpr Variant kVariants[] = {{"plain", ""}, {"checkpointed", "^blocks\\.[0-9]+$"}};

struct Measured {
  double microseconds_per_step;
  double megabytes;
  std::vector<at::Tensor> trained;
};

// A trainer of its own, so that the memory of one variant does not count for the other.
Measured train(const Case& c, const Variant& variant, const std::vector<Batch>& batches) {
  const int64_t before = TensorMemory::now();
  at::manual_seed(0);
  TrainerOptions options;
  const auto model = std::make_shared<Gpt>(c.options);
  options.model = model;
  options.train = std::make_shared<BatchesLoader>(batches);
  options.optimizers = {adamw({.lr = 3e-4})};
  options.activation_checkpointing = variant.pattern;
  auto trainer = Trainer::create(std::move(options));
  throw_if_error(trainer.status());
  throw_if_error((*trainer)->fit({.duration = "1ba"}));  // makes the optimizer's state

  TensorMemory::reset_peak();
  const auto start = std::chrono::steady_clock::now();
  throw_if_error((*trainer)->fit({.duration = Time::batches(kSteps).to_string()}));
  const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
  return {.microseconds_per_step = taken.count() / static_cast<double>(kSteps),
          .megabytes = static_cast<double>(TensorMemory::peak() - before) / 1e6,
          .trained = model->parameters()};
}

void measure(const Case& c) {
  const std::vector<Batch> batches = random_tokens(c.options, kBatches, c.batch_size);
  std::vector<Series> time, memory;
  for (const Variant& variant : kVariants) {
    time.push_back({variant.name, {}});
    memory.push_back({variant.name, {}});
  }
  for (int run = 0; run < kRuns; ++run) {
    std::vector<at::Tensor> trained;
    for (size_t i = 0; i < std::size(kVariants); ++i) {
      const size_t next = (i + run) % std::size(kVariants);
      const Measured measured = train(c, kVariants[next], batches);
      time[next].values.push_back(measured.microseconds_per_step);
      memory[next].values.push_back(measured.megabytes);
      for (size_t p = 0; p < trained.size(); ++p) {
        TORCH_CHECK(at::equal(trained[p], measured.trained[p]), c.name,
                    ": checkpointing changes what is trained");
      }
      trained = measured.trained;
    }
  }
  print_report("activation_checkpointing", absl::StrCat(c.name, "/time"), "us/step", time);
  print_report("activation_checkpointing", absl::StrCat(c.name, "/memory"), "MB", memory);
}

void run(const Arguments& arguments) {
  arguments.check_names({"deep", "long"});
  TensorMemory::install();
  for (const Case& c : kCases) {
    if (arguments.wants(c.name)) measure(c);
  }
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  return composer::benchmarks::run_benchmark(argc, argv, composer::benchmarks::run);
}
