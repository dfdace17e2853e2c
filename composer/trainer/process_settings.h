#pragma once

#include <cstdint>

namespace composer {

/// Seeds LibTorch's default generators, on the CPU and on every GPU. Called before a model is made,
/// it fixes the model's weights.
void seed_everything(uint64_t seed);

/// Settings that LibTorch keeps for the whole process.
struct ProcessSettings {
  /// Threads of one operation; 0 leaves the setting alone.
  int64_t threads = 0;
  /// Every operation takes a deterministic kernel, or throws where it has none; kernels are not
  /// chosen by timing. On GPUs cuBLAS needs a workspace of its own: CUBLAS_WORKSPACE_CONFIG is set
  /// where it is not, which counts when nothing has been multiplied there before.
  bool deterministic = false;
  /// cuDNN times its kernels and takes the fastest: worth it where sizes repeat. REQUIRES: not
  /// deterministic.
  bool cudnn_benchmark = false;
  /// GPUs multiply float32 in TensorFloat-32: 10 bits of mantissa, several times the speed.
  bool allow_tf32 = true;
};

/// Also keeps glibc from giving memory back to the system whenever a large tensor is freed: the
/// next step would fault it in again, page by page, which cost 4 % of a small GPT's step. Left
/// alone where the environment sets it (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_,
/// GLIBC_TUNABLES).
void apply_process_settings(const ProcessSettings& settings);

/// The number of threads that fits a step over `batch_values` input values with `parameters` model
/// parameters: one where starting threads costs more than they bring, else `available`. A function
/// of sizes, never of timing, so that a run repeats itself.
int64_t threads_for(int64_t batch_size, int64_t sample_values, int64_t parameters,
                    int64_t available);

}  // namespace composer
