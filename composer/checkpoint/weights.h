#pragma once

#include <torch/nn/module.h>

#include <string>

#include "absl/status/status.h"
#include "composer/checkpoint/safetensors.h"

namespace composer {

/// A module's parameters and buffers under their names, PyTorch's `state_dict`: "fc1.weight",
/// "norm.running_mean", "norm.num_batches_tracked". They share the module's memory.
NamedTensors weights_of(const torch::nn::Module& module);

/// Copies tensors into the parameters and buffers of the same names, whatever their memory format,
/// device or floating-point type. Strict: InvalidArgument, and nothing is changed, when a name is
/// missing or not the module's or a shape or type differs; the message lists all of them, each with
/// the nearest name. A name may be missing when its tensor comes under another (tied weights).
absl::Status load_weights(torch::nn::Module& module, const NamedTensors& tensors);

/// The same from a safetensors file, such as one that PyTorch wrote.
absl::Status load_weights(torch::nn::Module& module, const std::string& path);

/// Writes a safetensors file that PyTorch's and Hugging Face's loaders read.
absl::Status save_weights(const torch::nn::Module& module, const std::string& path);

}  // namespace composer
