#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/base/zip_archive.h"
#include "composer/data/formats/array_view.h"

namespace composer {

/// An array of a .npz file, in memory of its own.
struct NpzArray {
  /// The member, a .npy file.
  std::vector<uint8_t> file;
  /// Into `file`; moves with it.
  ArrayView view;
};

/// A .npz file: a ZIP archive of .npy files, stored or deflated, as numpy.savez and
/// numpy.savez_compressed write it. Not for several threads at once.
class NpzFile {
 public:
  /// Reads the directory of an archive that stays where it is for as long as this is used. `name`
  /// is the file's in messages. DataLoss when it is damaged.
  static absl::StatusOr<NpzFile> open(absl::Span<const uint8_t> file, std::string name);

  /// The arrays' names, without ".npy", in the archive's order.
  const std::vector<std::string>& names() const { return names_; }

  /// Reads an array and checks the member's checksum. Memory grows with what is there, not with
  /// what is declared. NotFound names the arrays there are; otherwise as parse_npy_header.
  absl::StatusOr<NpzArray> read(absl::string_view array) const;

 private:
  NpzFile(std::string name, ZipArchive archive)
      : name_(std::move(name)), archive_(std::move(archive)) {}

  std::string name_;
  ZipArchive archive_;
  /// Of the archive's members, in their order.
  std::vector<std::string> names_;
};

}  // namespace composer
