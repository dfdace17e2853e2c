#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/data/sources/token_windows.h"

namespace composer {

namespace config {
class SentencePieceText;
}

/// Text files as tokens of a SentencePiece model, one document after another. Blank lines, and
/// blank files, are no documents; a line's end (LF or CR LF) and a UTF-8 byte order mark belong to
/// none. All text is encoded when the dataset is made and held with 4 bytes a token.
class SentencePieceText final : public TokenWindows {
 public:
  using Config = config::SentencePieceText;

  /// Errors are about the fields "files", "model", "add_bos" and "add_eos" for a model that has no
  /// such token, and "windows...".
  static absl::StatusOr<std::shared_ptr<SentencePieceText>> create(const Config& config);

 private:
  SentencePieceText(std::vector<int32_t> tokens, const WindowPlan& plan, std::string name);

  void copy_tokens(int64_t begin, int64_t count, int64_t* out) const override;

  const std::vector<int32_t> tokens_;
};

}  // namespace composer
