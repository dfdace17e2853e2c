#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "composer/checkpoint/safetensors_header.h"
#include "composer/checkpoint/safetensors_stream.h"

namespace composer {

struct SafetensorsFile {
  /// In the file's order, on the CPU, row-major, in memory of their own.
  NamedTensors tensors;
  SafetensorsMetadata metadata;
};

struct SafetensorsOptions {
  /// Whether bytes may follow the last tensor's, as in some files with padding.
  TrailingBytes trailing_bytes = TrailingBytes::REFUSE;
};

/// Reads a whole safetensors file; or all the files of a model that Hugging Face's tools have
/// split, given their model.safetensors.index.json or another *.index.json; or the
/// model.safetensors or index in a folder. Split files must have exactly the tensors that the index
/// says; metadata is that of the first file. The file is mapped and copied.
///
/// NotFound or PermissionDenied when it cannot be opened, DataLoss when it is damaged or no
/// safetensors file; the message names the file and what is wrong with it. Nothing that the file
/// says is believed before it is checked: a damaged header neither allocates much nor reads past
/// the end.
absl::StatusOr<SafetensorsFile> read_safetensors(const std::string& path,
                                                 const SafetensorsOptions& options = {});

/// Writes a SafetensorsStream of them; the file appears whole or not at all.
absl::Status write_safetensors(const std::string& path, const NamedTensors& tensors,
                               const SafetensorsMetadata& metadata = {});

}  // namespace composer
