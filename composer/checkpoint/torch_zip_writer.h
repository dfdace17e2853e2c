#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/atomic_file.h"

namespace composer {

/// Writes a ZIP archive as torch.save does: records stored in one folder, the bytes of each at a
/// multiple of 64, so that torch.load(mmap=True) gives aligned tensors. The file appears whole or
/// not at all.
class TorchZipWriter {
 public:
  static absl::StatusOr<TorchZipWriter> create(const std::string& path);

  /// Adds the record of that name, "data.pkl" or "data/KEY"; each name once, data.pkl first.
  absl::Status add(absl::string_view record, absl::string_view bytes);

  /// Adds what the format asks for besides, and the directory. REQUIRES: called once, last.
  absl::Status commit();

 private:
  struct Entry {
    std::string name;
    uint32_t checksum;
    uint64_t size;
    /// Where its header begins.
    uint64_t position;
  };

  explicit TorchZipWriter(AtomicFile file) : file_(std::move(file)) {}

  absl::Status write(absl::string_view bytes);

  AtomicFile file_;
  uint64_t position_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace composer
