#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/data/formats/token_files.h"
#include "composer/data/sources/token_windows.h"

namespace composer {

namespace config {
class Tokens;
}

/// Files of tokens as nanoGPT writes them: numpy's `array.astype(numpy.uint16).tofile(path)`, one
/// sequence over all files. Mapped, not read; a token beyond the vocabulary is an error of the
/// sample that has it, with the file and the byte.
class Tokens final : public TokenWindows {
 public:
  using Config = config::Tokens;

  /// Errors are about the fields "files", "vocabulary_size" and "windows...".
  static absl::StatusOr<std::shared_ptr<Tokens>> create(const Config& config);

 private:
  Tokens(TokenFiles files, const WindowPlan& plan, std::string name);

  void copy_tokens(int64_t begin, int64_t count, int64_t* out) const override;

  const TokenFiles files_;
};

}  // namespace composer
