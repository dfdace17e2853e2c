#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/tensor_dict.h"
#include "composer/data/formats/sentence_piece.h"

namespace composer {

namespace config {
class JsonField;
class JsonLines;
}  // namespace config

/// One field of JSON objects as a tensor.
class JsonFieldReader {
 public:
  /// Loads the tokenizer. Errors are about fields of `config`, relative to it.
  static absl::StatusOr<JsonFieldReader> create(const config::JsonField& config);

  /// The tensor's name.
  const std::string& name() const { return name_; }

  /// The value of the field in `object`. DataLoss says what was expected of the field and what was
  /// found; without the key, which keys there are.
  absl::StatusOr<at::Tensor> read(const nlohmann::json& object) const;

 private:
  JsonFieldReader() = default;

  absl::StatusOr<at::Tensor> convert(const nlohmann::json& value) const;
  absl::StatusOr<at::Tensor> find_class(const nlohmann::json& value) const;

  std::string key_;
  // The key at its dots.
  std::vector<std::string> path_;
  std::string name_;
  // A config::JsonField::Type.
  int type_ = 0;
  std::shared_ptr<const SentencePieceModel> tokenizer_;
  std::vector<std::string> classes_;
};

/// Objects as samples. Constant: may be used from several threads at once.
class JsonFields {
 public:
  /// Errors are about "fields[i]...".
  static absl::StatusOr<JsonFields> create(const config::JsonLines& config);

  absl::StatusOr<TensorDict> read(const nlohmann::json& object) const;

 private:
  std::vector<JsonFieldReader> readers_;
};

}  // namespace composer
