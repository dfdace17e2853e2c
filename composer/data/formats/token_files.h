#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/base/mapped_file.h"

namespace composer {

/// Files of tokens as flat little-endian unsigned integers, nanoGPT's layout, read as one sequence.
/// Mapped, not read: opening costs nothing for their size.
class TokenFiles {
 public:
  /// `bytes_per_token` is 1, 2 or 4. DataLoss for a file that is no whole number of tokens; else
  /// the error of the file system.
  static absl::StatusOr<TokenFiles> open(const std::vector<std::string>& paths, int bytes_per_token,
                                         std::optional<int64_t> vocabulary_size = std::nullopt);

  /// Tokens of all files.
  int64_t size() const { return starts_.back(); }

  /// Writes the tokens from `begin` on, `count` of them. DataLoss for a token that is not below the
  /// vocabulary's size, with the file and the byte. REQUIRES: 0 <= begin, begin + count <= size().
  absl::Status copy(int64_t begin, int64_t count, int64_t* out) const;

 private:
  TokenFiles() = default;

  std::vector<MappedFile> files_;
  // Where each file starts, in tokens, and where the last one ends.
  std::vector<int64_t> starts_ = {0};
  int bytes_per_token_ = 1;
  std::optional<int64_t> vocabulary_size_;
};

}  // namespace composer
