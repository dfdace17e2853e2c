#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/checkpoint/safetensors_header.h"
#include "composer/data/formats/array_view.h"

namespace composer {

/// A safetensors file whose tensors stay where they are, for reading some of them. The whole header
/// is checked, as strictly as for checkpoints.
class SafetensorsView {
 public:
  /// `file` must outlive this and what it gives. `name` is the file's in messages. DataLoss when it
  /// is damaged.
  static absl::StatusOr<SafetensorsView> open(absl::Span<const uint8_t> file, std::string name);

  /// The tensors' names, in the order of their bytes.
  const std::vector<std::string>& names() const { return names_; }

  /// NotFound names the tensors there are; Unimplemented for a type that ElementType does not have.
  absl::StatusOr<ArrayView> read(absl::string_view tensor) const;

 private:
  SafetensorsView() = default;

  std::string name_;
  std::vector<std::string> names_;
  std::vector<SafetensorsEntry> entries_;
  absl::Span<const uint8_t> data_;
};

}  // namespace composer
