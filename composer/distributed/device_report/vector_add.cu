#include "composer/distributed/device_report/vector_add.h"

namespace composer {
namespace {

__global__ void add(const float* a, const float* b, float* sum, long size) {
  const long i = static_cast<long>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < size) sum[i] = a[i] + b[i];
}

}  // namespace

const char* vector_add(const float* a, const float* b, float* sum, long size) {
  constexpr long kThreads = 256;
  add<<<(size + kThreads - 1) / kThreads, kThreads>>>(a, b, sum, size);
  cudaError_t error = cudaGetLastError();
  if (error == cudaSuccess) error = cudaDeviceSynchronize();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

}  // namespace composer
