#pragma once

namespace composer {

#if defined(__x86_64__)
template <typename Body>
__attribute__((target("avx2,fma"), flatten)) void run_with_avx2(const Body& body) {
  body();
}
#endif

/// Runs `body` compiled for the vector instructions that this processor has. The loops in it are
/// vectorised where what they use are local variables.
///
/// A library that uses this is compiled with KERNEL_COPTS of kernel.bzl.
template <typename Body>
void run_vectorised(const Body& body) {
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (has_avx2) {
    run_with_avx2(body);
    return;
  }
#endif
  body();
}

}  // namespace composer
