// What each method costs: a step with it and without it, by turns in one process, and beside it
// what the trainer counted as the algorithm's own time (Engine::timings). On ResNet-20 with 64
// images of 3x32x32, and on the GPT of gpt_step, or Hugging Face's GPT-2 or BERT of its size. A run
// is a whole training of so many steps, so that what goes by the progress of training is in it as a
// whole. One thread unless --threads says otherwise.
//
//   ./bazelw run //benchmarks:algorithms [-- --threads=2] [--steps=N] [--runs=N] [METHOD ...]
//
// Methods are called as in a config; one that is not in the table below is measured with its
// defaults on ResNet-20. --steps=2 --runs=1 shows that all of them run.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/nn/modules/batchnorm.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "algorithms/cutmix.h"
#include "algorithms/ghost_batch_norm.h"
#include "algorithms/mixup.h"
#include "benchmarks/arguments.h"
#include "benchmarks/gpt_model.h"
#include "benchmarks/report.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/config/build_chosen.h"
#include "composer/core/registries.h"
#include "composer/data/batches_loader.h"
#include "composer/nn/layer_sequence.h"
#include "composer/optim/adamw.h"
#include "composer/optim/sgd.h"
#include "composer/trainer/trainer.h"
#include "google/protobuf/text_format.h"
#include "models/bert.h"
#include "models/gpt2.h"
#include "models/resnet.h"
#include "proto/algorithm.pb.h"

namespace composer::benchmarks {
namespace {

enum class Net { kResNet20, kResNet20Contiguous, kGpt, kGpt2, kBert };

bool is_image_net(Net net) { return net == Net::kResNet20 || net == Net::kResNet20Contiguous; }

struct Case {
  std::string method;
  // As in a config.
  std::string settings;
  Net net = Net::kResNet20;
  Precision precision = Precision::kFp32;
};

struct Effort {
  int64_t steps = 10;
  int64_t runs = 11;
};

constexpr int64_t kImages = 64;
constexpr int64_t kSequences = 8;

const std::vector<Case>& special_cases() {
  static const auto* const kCases = new std::vector<Case>{
      {"label_smoothing", ""},
      {"selective_backprop", "start: 0 end: 1"},
      {"selective_backprop", "start: 0 end: 1 interrupt: 0"},
      {"selective_backprop", "start: 0 end: 1 interrupt: 0 scale_factor: 0.5"},
      {"selective_backprop", "start: 0 end: 1 interrupt: 0", Net::kResNet20Contiguous},
      {"selective_backprop", "start: 0 end: 1 interrupt: 0 scale_factor: 0.5",
       Net::kResNet20Contiguous},
      {"mixup", ""},
      {"mixup", "interpolate_loss: true"},
      {"cutmix", ""},
      {"cutmix", "interpolate_loss: true"},
      {"gradient_clipping", "clipping_type: NORM clipping_threshold: 1"},
      {"gradient_clipping", "clipping_type: NORM clipping_threshold: 1", Net::kGpt},
      {"gradient_clipping", "clipping_type: VALUE clipping_threshold: 1"},
      {"gradient_clipping", "clipping_type: ADAPTIVE clipping_threshold: 0.01"},
      {"ema", ""},
      {"ema", "", Net::kGpt},
      {"swa", "swa_start: '0.1dur' update_interval: '1ba'"},
      {"swa", "swa_start: '0.1dur' update_interval: '1ba'", Net::kGpt},
      {"sam", ""},
      {"sam", "", Net::kGpt},
      {"layer_freezing", ""},
      {"lookahead", ""},
      {"lookahead", "", Net::kGpt},
      {"channels_last", "", Net::kResNet20Contiguous},
      {"seq_length_warmup", "max_seq_length: 128", Net::kGpt},
      {"alibi", "max_sequence_length: 128", Net::kGpt2},
      {"alibi", "max_sequence_length: 128 train_sequence_length_scaling: 1", Net::kGpt2},
      {"gated_linear_units", "", Net::kBert},
      {"gyro_dropout", "p: 0.1 tau: 8", Net::kGpt2},
      {"low_precision_layer_norm", "", Net::kGpt2, Precision::kAmpBf16},
      {"r_drop", "", Net::kGpt2},
      {"squeeze_excite", "latent_channels: 16 min_channels: 16"},
      {"factorize", "min_channels: 64 latent_channels: 0.25"},
  };
  return *kCases;
}

// Those, and of every other method that is linked its defaults.
std::vector<Case> all_cases() {
  std::vector<Case> cases = special_cases();
  std::set<std::string> special;
  for (const Case& c : cases) special.insert(c.method);
  const auto* holder = config::Algorithm::descriptor();
  for (int i = 0; i < holder->field_count(); ++i) {
    const auto* field = holder->field(i);
    const bool registered =
        Registry<Algorithm>::global().find(field->message_type()->full_name()).ok();
    if (registered && special.count(field->name()) == 0) cases.push_back({field->name(), ""});
  }
  return cases;
}

std::string net_name(Net net) {
  switch (net) {
    case Net::kResNet20:
      return "ResNet-20";
    case Net::kResNet20Contiguous:
      return "ResNet-20, contiguous";
    case Net::kGpt:
      return "GPT";
    case Net::kGpt2:
      return "GPT-2";
    case Net::kBert:
      return "BERT";
  }
  return "";
}

std::shared_ptr<ComposerModel> make_model(Net net) {
  at::manual_seed(0);
  const GptOptions gpt;
  switch (net) {
    case Net::kGpt:
      return std::make_shared<Gpt>(gpt);
    case Net::kGpt2:
      return std::make_shared<Gpt2>(Gpt2Options{.vocab_size = gpt.vocabulary,
                                                .n_positions = gpt.positions,
                                                .n_embd = gpt.width,
                                                .n_layer = gpt.layers,
                                                .n_head = gpt.heads});
    case Net::kBert:
      return std::make_shared<BertForMaskedLm>(
          BertOptions{.vocab_size = gpt.vocabulary,
                      .hidden_size = gpt.width,
                      .num_hidden_layers = gpt.layers,
                      .num_attention_heads = gpt.heads,
                      .intermediate_size = 4 * gpt.width,
                      .max_position_embeddings = gpt.positions});
    case Net::kResNet20:
    case Net::kResNet20Contiguous:
      break;
  }
  ResNetOptions options = resnet_of_depth(20);
  if (net == Net::kResNet20Contiguous) options.memory_format = at::MemoryFormat::Contiguous;
  return std::make_shared<ResNet>(options);
}

std::vector<Batch> make_batches(Net net, int64_t count) {
  at::manual_seed(1);
  if (!is_image_net(net)) return random_tokens(GptOptions(), count, kSequences);
  std::vector<Batch> batches;
  for (int64_t i = 0; i < count; ++i) {
    batches.push_back({{"input", at::rand({kImages, 3, 32, 32})},
                       {"target", at::randint(10, {kImages}, at::kLong)}});
  }
  return batches;
}

// Of the case, with its method or without.
std::unique_ptr<Trainer> make_trainer(const Case& c, const std::vector<Batch>& batches,
                                      bool method) {
  TrainerOptions options;
  options.model = make_model(c.net);
  options.train = std::make_shared<BatchesLoader>(batches);
  options.max_duration = absl::StrCat(batches.size(), "ba");
  options.optimizers = {is_image_net(c.net) ? sgd({.lr = 0.01, .momentum = 0.9})
                                            : adamw({.lr = 3e-4, .weight_decay = 0.01})};
  options.precision = c.precision;
  options.allow_slow_precision = true;
  if (method) {
    const std::string text = absl::StrCat(c.method, " { ", c.settings, " }");
    config::Algorithm config;
    TORCH_CHECK(google::protobuf::TextFormat::ParseFromString(text, &config), text);
    auto algorithm = build_chosen<Algorithm>(config);
    throw_if_error(algorithm.status());
    options.algorithms.push_back(*std::move(algorithm));
  }
  auto trainer = Trainer::create(std::move(options));
  throw_if_error(trainer.status());
  return *std::move(trainer);
}

double milliseconds(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
  return taken.count();
}

// What the trainer has counted for its algorithms so far.
double counted_milliseconds(const Trainer& trainer) {
  absl::Duration total = absl::ZeroDuration();
  for (const auto& [key, timing] : trainer.engine().timings()) total += timing.total;
  return absl::ToDoubleMilliseconds(total);
}

struct Run {
  // Of a step.
  double taken = 0;
  double counted = 0;
};

Run train(const Case& c, const std::vector<Batch>& batches, bool method) {
  const std::unique_ptr<Trainer> trainer = make_trainer(c, batches, method);
  const double before = counted_milliseconds(*trainer);
  const auto steps = static_cast<double>(batches.size());
  const double taken = milliseconds([&] { throw_if_error(trainer->fit()); });
  return {.taken = taken / steps, .counted = (counted_milliseconds(*trainer) - before) / steps};
}

double median(const std::vector<double>& values) { return quantile(values, 0.5); }

void print_header() {
  std::cout << "| method | net | plain, ms | with it, ms | with / plain | p10 to p90 | counted, ms "
               "| counted / step |\n"
               "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
}

// The pairs of a plain run and one with the method; `counted` may be empty.
void print_row(const std::string& method, const std::string& net, const std::vector<double>& plain,
               const std::vector<double>& with, const std::vector<double>& counted) {
  std::vector<double> ratios;
  for (size_t i = 0; i < plain.size(); ++i) ratios.push_back(with[i] / plain[i]);
  std::cout << absl::StrFormat("| %s | %s | %.3f | %.3f | %.3f | %.3f to %.3f |", method, net,
                               median(plain), median(with), median(ratios), quantile(ratios, 0.1),
                               quantile(ratios, 0.9));
  std::cout << (counted.empty() ? std::string(" | |\n")
                                : absl::StrFormat(" %.4f | %.2f %% |\n", median(counted),
                                                  100 * median(counted) / median(with)))
            << std::flush;
}

void measure(const Case& c, const Effort& effort) {
  const std::vector<Batch> batches = make_batches(c.net, effort.steps);
  train(c, batches, /*method=*/false);
  train(c, batches, /*method=*/true);
  std::vector<double> plain, with, counted;
  for (int64_t run = 0; run < effort.runs; ++run) {
    // Either comes first in every second pair.
    for (const bool method : {run % 2 == 0, run % 2 != 0}) {
      const Run measured = train(c, batches, method);
      (method ? with : plain).push_back(measured.taken);
      if (method) counted.push_back(measured.counted);
    }
  }
  const std::string settings = c.settings.empty() ? "" : absl::StrCat(" { ", c.settings, " }");
  print_row(absl::StrCat("`", c.method, settings, "`"), net_name(c.net), plain, with, counted);
}

// A method's tensor operations for a batch of ResNet-20's, with nothing around them.
void measure_bare(const std::string& method, const Effort& effort) {
  const Batch batch = make_batches(Net::kResNet20, 1)[0];
  const at::Tensor& images = batch.at("input");
  const at::Tensor& targets = batch.at("target");
  const at::Tensor logits = at::rand({kImages, 10}), order = at::randperm(kImages, at::kLong);
  const ImageSize size{.height = 32, .width = 32};
  // Half of the image.
  const Box box{.top = 4, .left = 4, .bottom = 27, .right = 27};
  const auto work = [&] {
    if (method == "mixup") {
      mixup_batch(images, order, 0.3);
      mixup_targets(logits, targets, order, 0.3);
    } else {
      cutmix_batch(images, order, box);
      cutmix_targets(logits, targets, order, box, size);
    }
  };
  work();
  std::vector<double> taken;
  for (int64_t i = 0; i < effort.runs * effort.steps; ++i) taken.push_back(milliseconds(work));
  std::cout << absl::StrFormat("| `%s`, bare tensor work | ResNet-20 | | | | | %.4f | |\n", method,
                               median(taken))
            << std::flush;
}

// Norms of one shape, `count` of which are in ResNet-20.
struct Norms {
  std::shared_ptr<LayerSequence> layers;
  at::Tensor input;
  int count;
};

std::vector<Norms> resnet_norms(at::MemoryFormat format, bool ghost) {
  std::vector<Norms> all;
  for (const auto& [channels, side] : {std::pair(16, 32), std::pair(32, 16), std::pair(64, 8)}) {
    auto layers = std::make_shared<LayerSequence>();
    layers->push_back(make_layer<torch::nn::BatchNorm2dImpl>(channels));
    if (ghost) apply_ghost_batch_norm(*layers);
    all.push_back(
        {layers, at::rand({kImages, channels, side, side}).contiguous(format).requires_grad_(), 7});
  }
  return all;
}

void forward_backward(const Norms& norms) {
  const std::vector<at::Tensor> parameters = norms.layers->parameters();
  for (int i = 0; i < norms.count; ++i) {
    const at::Tensor output = norms.layers->forward(norms.input);
    torch::autograd::grad({output}, {norms.input, parameters[0], parameters[1]},
                          {norms.input.detach()});
  }
}

// ResNet-20's batch norms without the rest of it.
void measure_norms(at::MemoryFormat format, const Effort& effort) {
  const std::vector<Norms> plain = resnet_norms(format, false), ghost = resnet_norms(format, true);
  const auto time = [&](const std::vector<Norms>& all) {
    return milliseconds([&] {
             for (int64_t i = 0; i < effort.steps; ++i) {
               for (const Norms& norms : all) forward_backward(norms);
             }
           }) /
           static_cast<double>(effort.steps);
  };
  time(plain);
  time(ghost);
  std::vector<double> plain_taken, ghost_taken;
  for (int64_t run = 0; run < effort.runs; ++run) {
    for (const bool method : {run % 2 == 0, run % 2 != 0}) {
      (method ? ghost_taken : plain_taken).push_back(time(method ? ghost : plain));
    }
  }
  const bool contiguous = format == at::MemoryFormat::Contiguous;
  print_row("`ghost_batch_norm`, the norms alone",
            net_name(contiguous ? Net::kResNet20Contiguous : Net::kResNet20), plain_taken,
            ghost_taken, {});
}

// Takes --steps and --runs out of the names.
Effort effort_of(Arguments& arguments) {
  Effort effort;
  std::vector<std::string> names;
  for (const std::string& name : arguments.names) {
    absl::string_view text = name;
    int64_t* const value = absl::ConsumePrefix(&text, "--steps=")  ? &effort.steps
                           : absl::ConsumePrefix(&text, "--runs=") ? &effort.runs
                                                                   : nullptr;
    if (value == nullptr) {
      names.push_back(name);
    } else {
      TORCH_CHECK_VALUE(absl::SimpleAtoi(text, value) && *value > 0, name);
    }
  }
  arguments.names = names;
  return effort;
}

void run(Arguments arguments) {
  const Effort effort = effort_of(arguments);
  const std::vector<Case> cases = all_cases();
  std::vector<std::string> names;
  for (const Case& c : cases) names.push_back(c.method);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  arguments.check_names(names);
  print_header();
  for (const Case& c : cases) {
    if (!arguments.wants(c.method)) continue;
    const absl::Status status = catch_exceptions([&] { measure(c, effort); });
    if (!status.ok()) std::cerr << c.method << " is not measured: " << status.message() << "\n";
  }
  for (const char* method : {"mixup", "cutmix"}) {
    if (arguments.wants(method)) measure_bare(method, effort);
  }
  if (!arguments.wants("ghost_batch_norm")) return;
  measure_norms(at::MemoryFormat::ChannelsLast, effort);
  measure_norms(at::MemoryFormat::Contiguous, effort);
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  return composer::benchmarks::run_benchmark(argc, argv, composer::benchmarks::run);
}
