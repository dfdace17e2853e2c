#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/data/formats/array_view.h"

struct zip;

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
  struct Discard {
    void operator()(zip* archive) const;
  };

  NpzFile() = default;

  std::string name_;
  std::unique_ptr<zip, Discard> archive_;
  std::vector<std::string> names_;
  /// The archive's number of each.
  std::vector<uint64_t> members_;
};

}  // namespace composer
