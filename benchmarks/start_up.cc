// From the start of a process to the end of its first training step, and its peak memory: `composer
// train` for one batch, its files written, against a loop written by hand that trains the same
// model for one batch. What is timed is the whole process, its end included.
//
//   ./bazelw run //benchmarks:start_up

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "benchmarks/hand_written.h"
#include "benchmarks/report.h"

namespace composer::benchmarks {
namespace {

constexpr int kRuns = 11;

struct Usage {
  double seconds;
  double megabytes;
};

Usage run_process(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  const auto start = std::chrono::steady_clock::now();
  pid_t child;
  int status = 1;
  rusage usage = {};
  const int failed =
      posix_spawn(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  if (!failed) wait4(child, &status, 0, &usage);
  posix_spawn_file_actions_destroy(&actions);
  if (failed || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    std::fprintf(stderr, "start_up: this failed: %s\n", absl::StrJoin(command, " ").c_str());
    std::exit(1);
  }
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  return {taken.count(), static_cast<double>(usage.ru_maxrss) / 1024};
}

int one_step_by_hand() {
  at::set_num_threads(1);
  at::manual_seed(0);
  HandWritten loop("tiny_mlp", /*fused=*/false);
  loop.step(at::rand({8, 32}), at::randint(10, {8}, at::kLong));
  return 0;
}

int run(const std::string& composer, const std::string& config) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / absl::StrCat("start_up.", getpid());
  std::vector<Series> seconds = {{"hand_written", {}}, {"trainer", {}}};
  std::vector<Series> megabytes = seconds;
  for (int i = -1; i < kRuns; ++i) {  // the first is a warm-up
    const std::vector<std::string> commands[] = {
        {std::filesystem::read_symlink("/proc/self/exe"), "--one-step"},
        {composer, "train", config, "max_duration=1ba",
         absl::StrCat("output_dir=", folder.string()), absl::StrCat("run_name=run", i + 1)},
    };
    for (size_t variant = 0; variant < 2; ++variant) {
      const Usage usage = run_process(commands[variant]);
      if (i < 0) continue;
      seconds[variant].values.push_back(usage.seconds);
      megabytes[variant].values.push_back(usage.megabytes);
    }
  }
  std::filesystem::remove_all(folder);
  print_report("start_up", "tiny_mlp", "s", seconds);
  print_report("start_up", "tiny_mlp_peak_memory", "MB", megabytes);
  return 0;
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--one-step") {
    return composer::benchmarks::one_step_by_hand();
  }
  if (argc != 3) {
    std::fprintf(stderr, "usage: start_up COMPOSER CONFIG\n");
    return 2;
  }
  return composer::benchmarks::run(argv[1], argv[2]);
}
