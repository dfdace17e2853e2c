#pragma once

namespace composer {

// sum[i] = a[i] + b[i] on the current CUDA device and its default stream, for `size` floats each in
// the device's memory. Waits for the end; returns CUDA's error in words, nullptr where all went
// well.
const char* vector_add(const float* a, const float* b, float* sum, long size);

}  // namespace composer
