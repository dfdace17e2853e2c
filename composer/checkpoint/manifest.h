#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/time.h"

namespace composer {

/// The file that makes a folder a checkpoint: written last, it says what the others must be.
constexpr char kManifestName[] = "manifest.json";

/// No manifest may be longer, in bytes.
constexpr size_t kMaxManifestSize = size_t{1} << 20;

struct ManifestFile {
  std::string name;
  uint64_t size = 0;
  /// In hexadecimal, as `sha256sum` prints it.
  std::string sha256;
};

/// What a checkpoint says of itself.
struct Manifest {
  /// How far training had come. Only iteration, epoch, batch, sample, token and total_wct are kept.
  Timestamp time;
  /// The newest values, by which the best checkpoints are kept. What is not finite is left out.
  std::map<std::string, double> metrics;
  std::vector<ManifestFile> files;
};

/// InvalidArgument unless `name` is that of a file right in a folder, in UTF-8, other than the
/// manifest's.
absl::Status check_file_name(absl::string_view name);

/// The manifest's text: JSON, whose last field is the SHA-256 of all that stands before it.
/// InvalidArgument for names that are not UTF-8, no plain file names, or come twice, and for more
/// than fits.
absl::StatusOr<std::string> format_manifest(const Manifest& manifest);

/// Reads what `format_manifest` wrote, and nothing else: one byte changed, left out or added is
/// DataLoss, which says where or that the checksum does not hold. Memory is bounded by the text.
absl::StatusOr<Manifest> parse_manifest(absl::string_view text);

}  // namespace composer
