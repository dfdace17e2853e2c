#pragma once

#include <functional>
#include <string>
#include <vector>

namespace composer::benchmarks {

/// What is measured, and with how many threads of an operation: `[--threads=N] [CASE ...]`.
struct Arguments {
  int threads = 1;
  /// All cases when empty.
  std::vector<std::string> names = {};

  /// Throws a ValueError that lists `known` when a name is not among them.
  void check_names(const std::vector<std::string>& known) const;
  bool wants(const std::string& name) const;
};

/// Reads the command line, sets the threads, calls `run` and returns the exit code. What is thrown
/// goes to stderr.
int run_benchmark(int argc, char** argv, const std::function<void(const Arguments&)>& run);

}  // namespace composer::benchmarks
