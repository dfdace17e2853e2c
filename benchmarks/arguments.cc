#include "benchmarks/arguments.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "composer/base/exceptions.h"

namespace composer::benchmarks {
namespace {

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (absl::ConsumePrefix(&argument, "--threads=")) {
      TORCH_CHECK_VALUE(absl::SimpleAtoi(argument, &arguments.threads) && arguments.threads > 0,
                        "--threads=", argument);
    } else {
      arguments.names.emplace_back(argument);
    }
  }
  return arguments;
}

}  // namespace

void Arguments::check_names(const std::vector<std::string>& known) const {
  for (const std::string& name : names) {
    TORCH_CHECK_VALUE(std::find(known.begin(), known.end(), name) != known.end(),
                      "there is no case \"", name, "\"; there are ", absl::StrJoin(known, ", "));
  }
}

bool Arguments::wants(const std::string& name) const {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

int run_benchmark(int argc, char** argv, const std::function<void(const Arguments&)>& run) {
  const absl::Status status = catch_exceptions([&] {
    const Arguments arguments = parse(argc, argv);
    at::set_num_threads(arguments.threads);
    run(arguments);
  });
  if (!status.ok()) std::cerr << status.message() << "\n";
  return status.ok() ? 0 : 2;
}

}  // namespace composer::benchmarks
