#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/data/formats/sentence_piece_library.h"

namespace composer {

/// A SentencePiece model (Kudo and Richardson, 2018, arXiv:1808.06226), through its library, which
/// is loaded with the first model: Debian's libsentencepiece0. Constant: may be used from several
/// threads at once.
class SentencePieceModel {
 public:
  /// DataLoss for a file that is no model; Unavailable without the library, or in a program built
  /// for AddressSanitizer or ThreadSanitizer, which forbid loading it as it must be loaded; else
  /// the error of the file system.
  static absl::StatusOr<std::shared_ptr<const SentencePieceModel>> load(const std::string& path);

  /// The tokens of `text`, which is UTF-8, without marks of beginning and end.
  std::vector<int> encode(absl::string_view text) const;

  int64_t vocabulary_size() const { return processor_->vocabulary_size(); }
  /// The tokens that mark where a text begins and ends; nothing where the model has none.
  std::optional<int> begin_token() const;
  std::optional<int> end_token() const;

 private:
  explicit SentencePieceModel(std::unique_ptr<SentencePieceHandle> processor)
      : processor_(std::move(processor)) {}

  std::unique_ptr<SentencePieceHandle> processor_;
};

}  // namespace composer
