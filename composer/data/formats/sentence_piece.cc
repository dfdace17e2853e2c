#include "composer/data/formats/sentence_piece.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace composer {
namespace {

std::optional<int> if_there(int token) {
  return token < 0 ? std::nullopt : std::optional<int>(token);
}

// A model file is a ModelProto of sentencepiece_model.proto: its pieces (field 1) and behind them,
// always, how it was trained (2) and how text is normalised (3). The library takes a file that ends
// before those for a smaller model.
bool is_complete(absl::Span<const uint8_t> bytes) {
  using google::protobuf::internal::WireFormatLite;
  google::protobuf::io::CodedInputStream input(bytes.data(), static_cast<int>(bytes.size()));
  bool has_trainer = false, has_normalizer = false;
  while (const uint32_t tag = input.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    has_trainer |= field == 2;
    has_normalizer |= field == 3;
    if (!WireFormatLite::SkipField(&input, tag)) return false;
  }
  return has_trainer && has_normalizer;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SentencePieceModel>> SentencePieceModel::load(
    const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  const absl::Span<const uint8_t> bytes = file.bytes();
  SentencePieceResult result =
      load_sentence_piece({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (result.handle != nullptr && !is_complete(bytes)) {
    result = {.has_library = true, .problem = "its end is missing"};
  }
  if (result.handle != nullptr) {
    return std::shared_ptr<const SentencePieceModel>(
        new SentencePieceModel(std::move(result.handle)));
  }
  if (!result.has_library) return absl::UnavailableError(result.problem);
  return absl::DataLossError(absl::StrCat(path, ": expected a SentencePiece model, found ",
                                          bytes.size(), " bytes that are none: ", result.problem));
}

std::vector<int> SentencePieceModel::encode(absl::string_view text) const {
  return processor_->encode({text.data(), text.size()});
}

std::optional<int> SentencePieceModel::begin_token() const {
  return if_there(processor_->begin_token());
}

std::optional<int> SentencePieceModel::end_token() const {
  return if_there(processor_->end_token());
}

}  // namespace composer
