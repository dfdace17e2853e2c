// What libgomp's waiting costs: a training step with two threads, on a quiet machine and with a
// busy process for each core beside it, under the wait policies that can be chosen before a program
// starts. Runs itself once for each, since libgomp reads its environment before main.
//
//   ./bazelw run //benchmarks:contention [-- CASE ...]

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randint.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "benchmarks/hand_written.h"
#include "benchmarks/report.h"

namespace composer::benchmarks {
namespace {

constexpr int kRounds = 9;
constexpr int kThreads = 2;

struct Policy {
  const char* name;
  const char* variable;  // null for libgomp's own default
  const char* value;
};
constexpr Policy kPolicies[] = {
    {"default", nullptr, nullptr},
    {"passive", "OMP_WAIT_POLICY", "PASSIVE"},
    {"spin_10000", "GOMP_SPINCOUNT", "10000"},
    {"spin_1000", "GOMP_SPINCOUNT", "1000"},
};

// The child: the median time of a step, in microseconds, on stdout.
int measure(const std::string& model) {
  at::set_num_threads(kThreads);
  at::manual_seed(0);
  const bool tiny = model == "tiny_mlp";
  const int64_t batch = tiny ? 8 : 128;
  const at::Tensor input =
      model == "cnn" ? at::rand({batch, 1, 28, 28}) : at::rand({batch, tiny ? 32 : 784});
  const at::Tensor target = at::randint(10, {batch}, at::kLong);
  HandWritten loop(model, /*fused=*/true);
  std::vector<double> times;
  const auto begin = std::chrono::steady_clock::now();
  const auto enough = [&] {
    return times.size() >= 20 &&
           std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1500);
  };
  while (!enough()) {
    const auto start = std::chrono::steady_clock::now();
    loop.step(input, target);
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
            .count());
  }
  times.erase(times.begin(), times.begin() + 5);
  std::printf("%.3f\n", quantile(times, 0.5));
  return 0;
}

// Runs this program again as `measure(model)` under `policy`.
double run_child(const std::string& model, const Policy& policy) {
  const std::string setting =
      policy.variable == nullptr ? "" : absl::StrCat(policy.variable, "=", policy.value);
  const std::string command = absl::StrCat("env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT ", setting,
                                           " /proc/", getpid(), "/exe --measure ", model);
  FILE* pipe = popen(command.c_str(), "r");
  double value = 0;
  if (pipe == nullptr || std::fscanf(pipe, "%lf", &value) != 1 || pclose(pipe) != 0) {
    std::fprintf(stderr, "contention: this failed: %s\n", command.c_str());
    std::exit(1);
  }
  return value;
}

// A process that computes until it is killed, for each core.
std::vector<pid_t> start_busy() {
  std::vector<pid_t> children;
  for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (volatile bool forever = true; forever;) {
      }
    }
    children.push_back(child);
  }
  return children;
}

void stop_busy(const std::vector<pid_t>& children) {
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
}

int run(const std::vector<std::string>& models) {
  for (const std::string& model : models) {
    std::vector<Series> series;
    for (const Policy& policy : kPolicies) {
      series.push_back({absl::StrCat(policy.name, "_quiet"), {}});
      series.push_back({absl::StrCat(policy.name, "_busy"), {}});
    }
    for (int round = 0; round < kRounds; ++round) {
      for (size_t i = 0; i < std::size(kPolicies); ++i) {
        series[2 * i].values.push_back(run_child(model, kPolicies[i]));
        const std::vector<pid_t> busy = start_busy();
        series[2 * i + 1].values.push_back(run_child(model, kPolicies[i]));
        stop_busy(busy);
      }
    }
    print_report("contention", model, "us/step", series);
  }
  return 0;
}

}  // namespace
}  // namespace composer::benchmarks

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--measure") {
    return composer::benchmarks::measure(argv[2]);
  }
  if (argc > 1) return composer::benchmarks::run({argv + 1, argv + argc});
  return composer::benchmarks::run({"tiny_mlp", "mlp", "cnn"});
}
