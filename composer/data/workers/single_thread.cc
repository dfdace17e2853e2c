#include "composer/data/workers/single_thread.h"

#include <ATen/Parallel.h>

// OpenMP's is a setting of the thread that calls it, and so is MKL's, which LibTorch has inside
// where it is built with it.
extern "C" void omp_set_num_threads(int);
extern "C" __attribute__((weak)) int MKL_Set_Num_Threads_Local(int);

namespace composer {

void use_this_thread_alone() {
  // LibTorch sets both when a thread asks for the first time.
  at::get_num_threads();
  omp_set_num_threads(1);
  if (MKL_Set_Num_Threads_Local != nullptr) MKL_Set_Num_Threads_Local(1);
}

}  // namespace composer
