#pragma once

#include <torch/nn/module.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/checkpoint/name_map.h"
#include "composer/checkpoint/name_report.h"
#include "composer/checkpoint/safetensors.h"

namespace composer {

/// A module's parameters and buffers under their names, PyTorch's `state_dict`: "fc1.weight",
/// "norm.running_mean", "norm.num_batches_tracked". They share the module's memory.
NamedTensors weights_of(const torch::nn::Module& module);

/// The tensors of a safetensors file, or what else read_safetensors reads, tied ones under all
/// their names. The error of a file that is torch.save's by its name says what makes safetensors of
/// it.
absl::StatusOr<NamedTensors> read_module_weights(const std::string& path);

struct LoadWeightsOptions {
  /// How the tensors' names become the module's, and which are loaded. Parameters and buffers of
  /// names that are not taken keep their values and are not missed.
  NameMapOptions names;
  /// Whether missing and unexpected names are errors. Other shapes and types always are.
  bool strict = true;
};

/// Copies tensors into the parameters and buffers of the same names, whatever their memory format,
/// device or floating-point type. The result says what was missing, unexpected or not taken.
/// InvalidArgument, and nothing is changed, when they do not fit; the message lists every name that
/// does not, with the nearest one. A name may be missing when its tensor comes under another (tied
/// weights), and one that the module calls foreign (composer/nn/foreign_weights.h) may be there.
absl::StatusOr<NameReport> load_weights(torch::nn::Module& module, const NamedTensors& tensors,
                                        const LoadWeightsOptions& options);

/// The same, of all names and strictly.
absl::Status load_weights(torch::nn::Module& module, const NamedTensors& tensors);

/// The same from a safetensors file, such as one that PyTorch wrote.
absl::Status load_weights(torch::nn::Module& module, const std::string& path);

/// Writes a safetensors file that PyTorch's and Hugging Face's loaders read.
absl::Status save_weights(const torch::nn::Module& module, const std::string& path);

}  // namespace composer
