// Says which GPUs the build's CUDA, NCCL and LibTorch see, and lets each of them calculate. A
// machine without a GPU is no error.
#include <ATen/ATen.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime.h>
#include <nccl.h>
#include <torch/version.h>

#include <cstdio>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

#include "composer/distributed/device_report/vector_add.h"

namespace {

// Our kernel on LibTorch's memory against LibTorch's own addition; nullptr or what went wrong.
const char* check_addition(int device) {
  c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device));
  // Not a multiple of the block's size.
  const at::Tensor a = at::rand({100'003}, at::device(at::kCUDA).dtype(at::kFloat));
  const at::Tensor b = at::rand_like(a);
  const at::Tensor sum = at::zeros_like(a);
  const char* error = composer::vector_add(a.data_ptr<float>(), b.data_ptr<float>(),
                                           sum.data_ptr<float>(), a.numel());
  if (error != nullptr) return error;
  return at::equal(sum, a + b) ? nullptr : "a vector sum differs from LibTorch's";
}

}  // namespace

int main() {
  int nccl = 0;
  ncclGetVersion(&nccl);
  std::printf("LibTorch %s, %s, CUDA %d.%d, NCCL %d.%d.%d, c10d backend %s\n", TORCH_VERSION,
              at::detail::getCUDAHooks().hasCUDART() ? "with CUDA" : "without CUDA",
              CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10, nccl / 10000, nccl % 10000 / 100,
              nccl % 100, c10d::ProcessGroupNCCL::Options::create()->backend.c_str());

  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) {
    std::printf("no GPU: %s\n",
                error != cudaSuccess ? cudaGetErrorString(error) : "the driver reports none");
    return 0;
  }

  int failures = 0;
  for (int device = 0; device < devices; ++device) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
      std::printf("GPU %d: no properties\n", device);
      ++failures;
      continue;
    }
    const char* problem = check_addition(device);
    std::printf("GPU %d: %s, compute capability %d.%d, %.1f GiB: %s\n", device, properties.name,
                properties.major, properties.minor, properties.totalGlobalMem / double{1 << 30},
                problem == nullptr ? "ok" : problem);
    failures += problem != nullptr;
  }
  return failures == 0 ? 0 : 1;
}
