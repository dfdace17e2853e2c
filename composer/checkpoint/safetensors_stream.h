#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace composer {

/// Tensors under their names, in an order.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

/// Takes the bytes that follow those of the call before. They are gone when it has returned.
using ByteSink = std::function<absl::Status(const void* data, size_t size)>;

/// The bytes of a safetensors file, one piece after another: those of Python's `safetensors`, which
/// orders tensors by dtype and name.
class SafetensorsStream {
 public:
  /// The tensors may be of any memory format and device; they are shared, and must not change until
  /// they are written. InvalidArgument when a name comes twice or is not UTF-8, or a tensor's dtype
  /// or layout is not in the format.
  static absl::StatusOr<SafetensorsStream> create(const NamedTensors& tensors,
                                                  const SafetensorsMetadata& metadata = {});

  /// Of the whole file, in bytes.
  uint64_t size() const { return size_; }

  /// Gives all of it to `sink`, each tensor whole: a row-major one on the CPU from its own memory,
  /// any other from a copy. Returns the first error of `sink`; throws what LibTorch throws.
  absl::Status write(const ByteSink& sink) const;

 private:
  // The header with its length.
  std::string start_;
  // In the order of the file.
  std::vector<at::Tensor> tensors_;
  uint64_t size_ = 0;
};

}  // namespace composer
