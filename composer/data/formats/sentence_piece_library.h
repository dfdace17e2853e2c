#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace composer {

/// The part of SentencePiece's library that SentencePieceModel needs, without Abseil: the library's
/// header and Abseil's cannot be included together, since both bring an absl::string_view.
class SentencePieceHandle {
 public:
  virtual ~SentencePieceHandle() = default;
  /// Throws a std::runtime_error for what cannot be encoded.
  virtual std::vector<int> encode(std::string_view text) const = 0;
  virtual int64_t vocabulary_size() const = 0;
  /// Negative where the model has none.
  virtual int begin_token() const = 0;
  virtual int end_token() const = 0;
};

struct SentencePieceResult {
  /// Null when there is a problem.
  std::unique_ptr<SentencePieceHandle> handle;
  /// False when the library could not be loaded.
  bool has_library = false;
  std::string problem;
};

/// `model` is the content of a model file.
SentencePieceResult load_sentence_piece(std::string_view model);

}  // namespace composer
