#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace composer {

/// One tensor of a safetensors file.
struct SafetensorsEntry {
  std::string name;
  /// As the format spells it: "F32", "BF16", "I64", ...
  std::string dtype;
  std::vector<int64_t> shape;
  /// Where its bytes are, counted from the end of the header: little-endian, row-major.
  uint64_t begin = 0;
  uint64_t end = 0;
};

/// What stands at the start of a safetensors file, after its length in 8 bytes: a JSON object.
/// https://github.com/huggingface/safetensors
struct SafetensorsHeader {
  /// In the order of their bytes.
  std::vector<SafetensorsEntry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// No header may be longer.
constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

/// Bytes of one element; 0 for a dtype that is unknown or not made of whole bytes.
int64_t safetensors_element_size(absl::string_view dtype);

/// What may follow the last tensor's bytes. Nothing, says the format; some files have padding
/// there.
enum class TrailingBytes { REFUSE, ALLOW };

/// Reads the JSON of a file with `data_size` bytes after it. Strict: the JSON itself, its keys and
/// their types, no name twice, known dtypes, shapes that agree with their bytes, and tensors that
/// fill the data from end to end. Allocates no more than the text asks for. DataLoss otherwise,
/// with the tensor or the position in the header.
absl::StatusOr<SafetensorsHeader> parse_safetensors_header(
    absl::string_view json, uint64_t data_size, TrailingBytes trailing = TrailingBytes::REFUSE);

/// A whole file in memory.
struct SafetensorsLayout {
  SafetensorsHeader header;
  /// What follows the header.
  absl::Span<const uint8_t> data;
};

/// Finds the header in a file and reads it. `file` must outlive the result.
absl::StatusOr<SafetensorsLayout> parse_safetensors(absl::Span<const uint8_t> file,
                                                    TrailingBytes trailing = TrailingBytes::REFUSE);

/// Puts entries into the order in which the reference implementation writes them (large elements
/// first, so that all are aligned, then by name) and sets their `begin` and `end`.
/// REQUIRES: known dtypes.
void lay_out(std::vector<SafetensorsEntry>& entries);

/// The header's JSON, with spaces to a multiple of 8 bytes; the bytes that the reference
/// implementation writes.
std::string format_safetensors_header(const SafetensorsHeader& header);

}  // namespace composer
