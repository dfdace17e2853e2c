#include "composer/data/sources/sentencepiece_text.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "composer/base/exceptions.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/data/formats/sentence_piece.h"
#include "composer/data/registry.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

// Puts documents behind one another.
class Encoder {
 public:
  static absl::StatusOr<Encoder> create(const config::SentencePieceText& config) {
    auto model = SentencePieceModel::load(config.model());
    if (!model.ok()) return field_error("model", model.status().message());
    Encoder encoder(*std::move(model));
    if (config.add_bos()) {
      encoder.begin_ = encoder.model_->begin_token();
      if (!encoder.begin_) return lacks("add_bos", config.model(), "beginning");
    }
    if (config.add_eos()) {
      encoder.end_ = encoder.model_->end_token();
      if (!encoder.end_) return lacks("add_eos", config.model(), "end");
    }
    return encoder;
  }

  void add(absl::string_view document) {
    if (document.find_first_not_of(" \t\r\n") == absl::string_view::npos) return;
    if (begin_) tokens_.push_back(*begin_);
    const std::vector<int> tokens = model_->encode(document);
    tokens_.insert(tokens_.end(), tokens.begin(), tokens.end());
    if (end_) tokens_.push_back(*end_);
  }

  void add_lines(absl::string_view text) {
    while (!text.empty()) {
      const size_t size = std::min(text.find('\n'), text.size());
      add(absl::StripSuffix(text.substr(0, size), "\r"));
      text.remove_prefix(std::min(size + 1, text.size()));
    }
  }

  std::vector<int32_t> take() { return std::move(tokens_); }

 private:
  explicit Encoder(std::shared_ptr<const SentencePieceModel> model) : model_(std::move(model)) {}

  static absl::Status lacks(absl::string_view field, const std::string& path,
                            absl::string_view what) {
    return field_error(field, absl::StrCat(path, " has no token for the ", what,
                                           " of a sentence; say ", field, ": false"));
  }

  std::shared_ptr<const SentencePieceModel> model_;
  std::optional<int> begin_;
  std::optional<int> end_;
  std::vector<int32_t> tokens_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<SentencePieceText>> SentencePieceText::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, files_of(config.files()));
  COMPOSER_ASSIGN_OR_RETURN(Encoder encoder, Encoder::create(config));
  for (const std::string& path : paths) {
    const absl::StatusOr<MappedFile> file = MappedFile::open(path, MappedFile::Access::SEQUENTIAL);
    if (!file.ok()) return field_error("files", file.status().message());
    absl::string_view text(reinterpret_cast<const char*>(file->bytes().data()),
                           file->bytes().size());
    absl::ConsumePrefix(&text, "\xef\xbb\xbf");
    COMPOSER_RETURN_IF_ERROR(annotate(path, catch_exceptions([&] {
                                        if (config.document() == Config::EACH_LINE) {
                                          encoder.add_lines(text);
                                        } else {
                                          encoder.add(text);
                                        }
                                      })));
  }
  std::vector<int32_t> tokens = encoder.take();
  std::string name = name_with_files("sentencepiece", paths);
  const absl::StatusOr<WindowPlan> plan =
      WindowPlan::create(config.windows(), static_cast<int64_t>(tokens.size()), name);
  if (!plan.ok()) return in_field("windows", plan.status());
  return std::shared_ptr<SentencePieceText>(
      new SentencePieceText(std::move(tokens), *plan, std::move(name)));
}

SentencePieceText::SentencePieceText(std::vector<int32_t> tokens, const WindowPlan& plan,
                                     std::string name)
    : TokenWindows(plan, std::move(name)), tokens_(std::move(tokens)) {}

void SentencePieceText::copy_tokens(int64_t begin, int64_t count, int64_t* out) const {
  std::copy_n(tokens_.begin() + begin, count, out);
}

COMPOSER_REGISTER(Dataset, SentencePieceText);

}  // namespace composer
