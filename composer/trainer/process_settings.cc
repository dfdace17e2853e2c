#include "composer/trainer/process_settings.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/util/env.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>

namespace composer {
namespace {

void keep_freed_memory() {
#ifdef __GLIBC__
  for (const char* variable :
       {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"}) {
    if (getenv(variable) != nullptr) return;
  }
  // Larger blocks come and go by themselves, so that they leave no holes.
  constexpr int kLargest = 64 << 20;
  mallopt(M_MMAP_THRESHOLD, kLargest);
  constexpr int kNever = -1;
  mallopt(M_TRIM_THRESHOLD, kNever);
#endif
}

}  // namespace

void seed_everything(uint64_t seed) { at::manual_seed(seed); }

void apply_process_settings(const ProcessSettings& settings) {
  keep_freed_memory();
  if (settings.threads > 0) at::set_num_threads(static_cast<int>(settings.threads));
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(settings.deterministic, /*warn_only=*/false);
  context.setDeterministicCuDNN(settings.deterministic);
  context.setDeterministicMkldnn(settings.deterministic);
  context.setBenchmarkCuDNN(settings.cudnn_benchmark && !settings.deterministic);
  context.setAllowTF32CuBLAS(settings.allow_tf32);
  context.setAllowTF32CuDNN(settings.allow_tf32);
  if (settings.deterministic) {
    c10::utils::set_env("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/false);
  }
}

int64_t threads_for(int64_t batch_size, int64_t sample_values, int64_t parameters,
                    int64_t available) {
  // Multiplications of a forward pass: each parameter once a sample in a linear layer; in a
  // convolution, some 64 for each input value. Measured, threads begin to pay above about a
  // million of them.
  constexpr int64_t kWorthThreads = 1'000'000;
  const int64_t work = batch_size * std::max(parameters, 64 * sample_values);
  return work < kWorthThreads ? 1 : std::max<int64_t>(available, 1);
}

}  // namespace composer
