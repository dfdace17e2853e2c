#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/base/zip_archive.h"

namespace composer {

/// A file of torch.save's (PyTorch 1.6 and later): a ZIP archive of records in one folder, all of
/// them stored, not compressed. "data.pkl" is the pickle of what was saved, "data/KEY" the bytes of
/// each of its storages.
class TorchZip {
 public:
  /// `file` must outlive this. DataLoss when it is damaged or no such file, Unimplemented when it
  /// is of another kind of PyTorch's: of before 1.6, a TorchScript program, from a big-endian
  /// machine.
  static absl::StatusOr<TorchZip> open(absl::Span<const uint8_t> file);

  /// The record "data.pkl".
  absl::StatusOr<std::string> pickle() const;

  /// The size of the record "data/KEY" in bytes; no more than the file has, and neither have all
  /// together. NotFound when there is none.
  absl::StatusOr<uint64_t> storage_size(absl::string_view key) const;

  /// Reads the record "data/KEY" into `out`, which has its size, and compares its checksum.
  absl::Status read_storage(absl::string_view key, absl::Span<uint8_t> out) const;

 private:
  explicit TorchZip(ZipArchive archive) : archive_(std::move(archive)) {}

  /// What all records must be, and those that say the kind of file.
  absl::Status check(uint64_t file_size) const;
  absl::StatusOr<const ZipMember*> find(absl::string_view record) const;
  absl::Status read(absl::string_view record, absl::Span<uint8_t> out) const;
  absl::StatusOr<std::string> read_text(absl::string_view record, uint64_t max_size) const;

  ZipArchive archive_;
  /// Of all records, with a slash at its end: "archive/".
  std::string folder_;
  /// Numbers of members by their names.
  std::unordered_map<std::string, size_t> numbers_;
};

}  // namespace composer
