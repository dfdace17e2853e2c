#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

struct zip;
struct zip_file;

namespace composer {

/// One file in a ZIP archive, as the archive's directory declares it.
struct ZipMember {
  std::string name;
  /// Its number in the archive.
  uint64_t index = 0;
  /// In bytes, decompressed.
  uint64_t size = 0;
  /// Neither compressed nor encrypted: its bytes stand in the archive as they are.
  bool stored = false;
};

/// Gives the bytes of a member from its start. Must not outlive its archive.
class ZipMemberReader {
 public:
  /// Fills `out`; gives fewer bytes only at the member's end, where its checksum is compared. So
  /// whoever reads as much as is declared asks for one byte more. DataLoss for damaged data.
  absl::StatusOr<size_t> read(absl::Span<uint8_t> out);

 private:
  friend class ZipArchive;
  struct Close {
    void operator()(zip_file* member) const;
  };

  ZipMemberReader() = default;

  std::unique_ptr<zip_file, Close> member_;
};

/// A ZIP archive that lies in memory: a mapped file. Its directory is read once, and what it
/// declares is checked before anything is allocated for it. Not for several threads at once.
class ZipArchive {
 public:
  /// `file` must outlive this. DataLoss when it is no archive, is damaged, or two members have one
  /// name.
  static absl::StatusOr<ZipArchive> open(absl::Span<const uint8_t> file);

  /// In the archive's order.
  const std::vector<ZipMember>& members() const { return members_; }

  /// REQUIRES: one of `members()`.
  absl::StatusOr<ZipMemberReader> read(const ZipMember& member) const;

 private:
  struct Discard {
    void operator()(zip* archive) const;
  };

  ZipArchive() = default;

  std::unique_ptr<zip, Discard> archive_;
  std::vector<ZipMember> members_;
};

}  // namespace composer
