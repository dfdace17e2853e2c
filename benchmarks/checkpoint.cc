// What checkpoints cost: parameters in float32 with the two moments of AdamW, 100 million of them
// unless told otherwise, saved in the background, loaded again, and the same with LibTorch's
// torch::save and torch::load. The folder's disk is what is measured, so `write` is compared with
// the same bytes written to one file and synced. What is loaded was just written and is in memory.
//
//   stop      a save, for the training thread: the first of a saver, and later ones
//   write     from there until the checkpoint is safe from a power cut
//   load      until all is verified and in tensors
//   memory    resident memory beyond that of before the save, at most
//   slowdown  a step of training with one thread, alone and while saves run
//
//   ./bazelw run //benchmarks:checkpoint
//       [-- --threads=2 --parameters=N --folder=PATH CASE ...]

#include "composer/checkpoint/checkpoint.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fcntl.h>
#include <malloc.h>
#include <torch/serialize.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "benchmarks/arguments.h"
#include "benchmarks/report.h"
#include "composer/base/exceptions.h"
#include "composer/base/posix_file.h"
#include "composer/checkpoint/checkpoint_saver.h"

namespace composer::benchmarks {
namespace {

constexpr int kRuns = 5;
// Of the parameters, each 2048 x 2048.
constexpr int64_t kTensor = int64_t{1} << 22;

struct Setting {
  int64_t parameters = 100'000'000;
  std::string folder;
};

using Clock = std::chrono::steady_clock;

template <typename Function>
double seconds(Function&& function) {
  const auto start = Clock::now();
  function();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

StateDict random_tensors(int64_t parameters) {
  StateDict tensors;
  for (int64_t begin = 0; begin < parameters; begin += kTensor) {
    tensors.set(absl::StrCat("layers.", begin / kTensor, ".weight"),
                at::rand({std::min(kTensor, parameters - begin)}));
  }
  return tensors;
}

Checkpoint random_checkpoint(int64_t parameters) {
  StateDict optimizer, optimizers;
  optimizer.set("exp_avg", random_tensors(parameters));
  optimizer.set("exp_avg_sq", random_tensors(parameters));
  optimizers.set("0", std::move(optimizer));
  Checkpoint checkpoint;
  checkpoint.state.set("model", random_tensors(parameters));
  checkpoint.state.set("optimizers", std::move(optimizers));
  return checkpoint;
}

void collect(const StateDict& state, std::vector<at::Tensor>& tensors) {
  for (const auto& [name, tensor] : state.tensors()) tensors.push_back(tensor);
  for (const auto& [name, part] : state.children()) collect(part, tensors);
}

std::vector<at::Tensor> tensors_of(const Checkpoint& checkpoint) {
  std::vector<at::Tensor> tensors;
  collect(checkpoint.state, tensors);
  return tensors;
}

class Bench {
 public:
  explicit Bench(const Setting& setting)
      : folder_(absl::StrCat(setting.folder, "/checkpoint_benchmark.", ::getpid())),
        checkpoint_(random_checkpoint(setting.parameters)),
        tensors_(tensors_of(checkpoint_)) {
    throw_if_error(make_folders(folder_));
  }

  ~Bench() { (void)remove_path(folder_); }

  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void measure_save(const Arguments& arguments) {
    std::vector<Series> stop = {{"first", {}}, {"later", {}}};
    std::vector<Series> write = {{"background", {}}, {"dd", {}}, {"torch_save_unsynced", {}}};
    for (int run = 0; run < kRuns; ++run) {
      give_memory_back();
      const auto saver = new_saver();
      stop[0].values.push_back(seconds([&] { save(*saver); }));
      throw_if_error(saver->wait());
      stop[1].values.push_back(seconds([&] { save(*saver); }));
      write[0].values.push_back(seconds([&] { throw_if_error(saver->wait()); }));
      write[1].values.push_back(seconds([&] { write_plainly(); }));
      write[2].values.push_back(seconds([&] { torch::save(tensors_, torch_path()); }));
    }
    if (arguments.wants("stop")) print_report("checkpoint", "stop", "s", stop);
    if (arguments.wants("write")) print_report("checkpoint", "write", "s", write);
  }

  void measure_load() {
    const auto saver = new_saver();
    save(*saver);
    throw_if_error(saver->wait());
    torch::save(tensors_, torch_path());
    std::vector<Series> load = {{"verified", {}}, {"torch_load", {}}};
    for (int run = 0; run < kRuns; ++run) {
      give_memory_back();
      absl::StatusOr<Checkpoint> read;
      load[0].values.push_back(seconds([&] { read = read_checkpoint(saver->newest()); }));
      throw_if_error(read.status());
      TORCH_CHECK(read->state.identical(checkpoint_.state), "what was read is not what was saved");
      read = Checkpoint();
      give_memory_back();
      std::vector<at::Tensor> tensors;
      load[1].values.push_back(seconds([&] { torch::load(tensors, torch_path()); }));
    }
    print_report("checkpoint", "load", "s", load);
  }

  void measure_memory() {
    double bytes = 0;
    for (const at::Tensor& tensor : tensors_) bytes += static_cast<double>(tensor.nbytes());
    std::vector<Series> memory = {{"state", {bytes / 1e6}}, {"save", {}}, {"torch_save", {}}};
    for (int run = 0; run < kRuns; ++run) {
      memory[1].values.push_back(peak_megabytes([&] {
        const auto saver = new_saver();
        for (int i = 0; i < 2; ++i) save(*saver);
        throw_if_error(saver->wait());
      }));
      memory[2].values.push_back(peak_megabytes([&] { torch::save(tensors_, torch_path()); }));
    }
    print_report("checkpoint", "memory", "MB", memory);
  }

  void measure_slowdown() {
    at::set_num_threads(1);
    const at::Tensor a = at::rand({512, 512}), b = at::rand({512, 512});
    const auto step = [&] {
      return 1e3 * seconds([&] {
               for (int i = 0; i < 4; ++i) at::matmul(a, b);
             });
    };
    std::vector<Series> steps = {{"alone", {}}, {"during_save", {}}};
    const auto saver = new_saver();
    save(*saver);
    throw_if_error(saver->wait());
    for (int run = 0; run < kRuns; ++run) {
      save(*saver);
      const std::string expected = path_of_last();
      std::vector<double> times;
      while (saver->newest() != expected) times.push_back(step());
      throw_if_error(saver->wait());
      if (times.empty()) continue;
      steps[1].values.push_back(mean(times));
      for (double& time : times) time = step();
      steps[0].values.push_back(mean(times));
    }
    TORCH_CHECK(!steps[1].values.empty(), "no step was as short as a save: take more parameters");
    print_report("checkpoint", "slowdown", "ms/step", steps);
  }

 private:
  // The C library keeps what is freed: a later run would find memory that a new process has not.
  static void give_memory_back() { ::malloc_trim(0); }

  static double mean(const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  }

  // The least that a save does; in pieces as `dd bs=4M conv=fsync`.
  void write_plainly() const {
    const std::string path = absl::StrCat(folder_, "/plain");
    throw_if_error(remove_path(path));
    const auto file = open_path(path, O_WRONLY | O_CREAT | O_EXCL);
    throw_if_error(file.status());
    constexpr size_t kPiece = size_t{4} << 20;
    for (const at::Tensor& tensor : tensors_) {
      const char* const data = static_cast<const char*>(tensor.const_data_ptr());
      for (size_t begin = 0; begin < tensor.nbytes(); begin += kPiece) {
        throw_if_error(
            write_all(*file, path, data + begin, std::min(kPiece, tensor.nbytes() - begin)));
      }
    }
    throw_if_error(sync_file(*file, path));
  }

  // What the process has in memory at most while `function` runs, beyond what it had before.
  template <typename Function>
  static double peak_megabytes(Function&& function) {
    give_memory_back();
    const double before = status_megabytes("VmRSS:");
    std::ofstream("/proc/self/clear_refs") << "5";  // VmHWM counts from here
    function();
    return status_megabytes("VmHWM:") - before;
  }

  static double status_megabytes(const std::string& field) {
    std::ifstream file("/proc/self/status");
    for (std::string word; file >> word;) {
      double kibibytes;
      if (word == field && file >> kibibytes) return kibibytes * 1024 / 1e6;
    }
    TORCH_CHECK(false, "/proc/self/status has no ", field);
  }

  std::unique_ptr<CheckpointSaver> new_saver() const {
    auto saver = CheckpointSaver::create(
        {.folder = folder_, .name = "ba{batch}", .retention = {.keep_last = 1}});
    throw_if_error(saver.status());
    return *std::move(saver);
  }

  void save(CheckpointSaver& saver) {
    ++checkpoint_.time.batch;
    throw_if_error(saver.save(checkpoint_));
  }

  std::string path_of_last() const { return absl::StrCat(folder_, "/ba", checkpoint_.time.batch); }

  std::string torch_path() const { return absl::StrCat(folder_, "/torch.pt"); }

  const std::string folder_;
  Checkpoint checkpoint_;
  const std::vector<at::Tensor> tensors_;
};

void run(const Arguments& arguments, const Setting& setting) {
  arguments.check_names({"stop", "write", "load", "memory", "slowdown"});
  Bench bench(setting);
  if (arguments.wants("stop") || arguments.wants("write")) bench.measure_save(arguments);
  if (arguments.wants("load")) bench.measure_load();
  if (arguments.wants("memory")) bench.measure_memory();
  if (arguments.wants("slowdown")) bench.measure_slowdown();
}

// Takes its own options out of the command line.
bool take_option(absl::string_view argument, Setting& setting) {
  if (absl::ConsumePrefix(&argument, "--folder=")) {
    setting.folder = std::string(argument);
    return true;
  }
  if (!absl::ConsumePrefix(&argument, "--parameters=")) return false;
  return absl::SimpleAtoi(argument, &setting.parameters) && setting.parameters > 0;
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  namespace benchmarks = composer::benchmarks;
  benchmarks::Setting setting{.folder = std::filesystem::temp_directory_path()};
  std::vector<char*> rest = {argv[0]};
  for (int i = 1; i < argc; ++i) {
    if (!benchmarks::take_option(argv[i], setting)) rest.push_back(argv[i]);
  }
  return benchmarks::run_benchmark(
      static_cast<int>(rest.size()), rest.data(),
      [&](const benchmarks::Arguments& arguments) { benchmarks::run(arguments, setting); });
}
