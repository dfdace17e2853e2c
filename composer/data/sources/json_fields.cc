#include "composer/data/sources/json_fields.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/base/status.h"
#include "composer/data/sources/json_array.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

using nlohmann::json;

absl::Status expected(absl::string_view what, const json& found) {
  const std::string shown = found.is_string() ? quote_found(found.get_ref<const std::string&>())
                            : found.is_structured() ? absl::StrCat("an ", found.type_name())
                                                    : found.dump();
  return absl::DataLossError(absl::StrCat("expected ", what, ", found ", shown));
}

template <typename Values>
at::Tensor to_tensor(const Values& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

at::Tensor bytes_of(const std::string& text) {
  return to_tensor(absl::MakeSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace

absl::StatusOr<JsonFieldReader> JsonFieldReader::create(const config::JsonField& config) {
  JsonFieldReader reader;
  reader.key_ = config.key();
  reader.path_ = absl::StrSplit(config.key(), '.');
  if (std::find(reader.path_.begin(), reader.path_.end(), "") != reader.path_.end()) {
    return field_error("key", absl::StrCat("expected keys with dots between them, found ",
                                           quote_found(config.key())));
  }
  reader.name_ = config.has_tensor() ? config.tensor() : config.key();
  if (reader.name_.empty()) return field_error("tensor", "expected a name");
  reader.type_ = config.type();

  const bool takes_tokens = config.type() == config::JsonField::TOKENS;
  if (takes_tokens != config.has_tokenizer()) {
    return field_error("tokenizer", takes_tokens ? "type TOKENS needs a SentencePiece model"
                                                 : "it is for type TOKENS alone");
  }
  if (takes_tokens) {
    auto tokenizer = SentencePieceModel::load(config.tokenizer());
    if (!tokenizer.ok()) return field_error("tokenizer", tokenizer.status().message());
    reader.tokenizer_ = *std::move(tokenizer);
  }

  const bool takes_class = config.type() == config::JsonField::CLASS;
  if (takes_class != !config.classes().empty()) {
    return field_error("classes", takes_class ? "type CLASS needs the classes, in their order"
                                              : "they are for type CLASS alone");
  }
  reader.classes_.assign(config.classes().begin(), config.classes().end());
  for (auto it = reader.classes_.begin(); it != reader.classes_.end(); ++it) {
    if (std::find(reader.classes_.begin(), it, *it) != it) {
      return field_error("classes", absl::StrCat(quote_found(*it), " is named twice"));
    }
  }
  return reader;
}

absl::StatusOr<at::Tensor> JsonFieldReader::read(const json& object) const {
  const json* value = &object;
  std::string passed;
  for (const std::string& key : path_) {
    if (!value->is_object()) {
      return annotate(absl::StrCat("key ", quote_found(passed)), expected("an object", *value));
    }
    const auto member = value->find(key);
    if (member == value->end()) {
      std::vector<std::string> known;
      for (const auto& item : value->items()) known.push_back(item.key());
      return absl::DataLossError(
          absl::StrCat("there is no key ", quote_found(key), passed.empty() ? "" : " in ",
                       passed.empty() ? "" : quote_found(passed), hint(key, known)));
    }
    value = &*member;
    absl::StrAppend(&passed, passed.empty() ? "" : ".", key);
  }
  absl::StatusOr<at::Tensor> tensor = convert(*value);
  if (tensor.ok()) return tensor;
  return annotate(absl::StrCat("key ", quote_found(key_)), tensor.status());
}

absl::StatusOr<at::Tensor> JsonFieldReader::convert(const json& value) const {
  switch (static_cast<config::JsonField::Type>(type_)) {
    case config::JsonField::FLOAT:
      return json_array(value, /*whole=*/false);
    case config::JsonField::INTEGER:
      return json_array(value, /*whole=*/true);
    case config::JsonField::BYTES:
      if (!value.is_string()) return expected("a string", value);
      return bytes_of(value.get_ref<const std::string&>());
    case config::JsonField::TOKENS:
      if (!value.is_string()) return expected("a string", value);
      return to_tensor(tokenizer_->encode(value.get_ref<const std::string&>()));
    case config::JsonField::CLASS:
      return find_class(value);
  }
  return absl::InternalError("a field has no type");
}

absl::StatusOr<at::Tensor> JsonFieldReader::find_class(const json& value) const {
  if (!value.is_string() && !value.is_boolean()) return expected("a string or a boolean", value);
  const std::string name =
      value.is_boolean() ? (value.get<bool>() ? "true" : "false") : value.get<std::string>();
  const auto place = std::find(classes_.begin(), classes_.end(), name);
  if (place == classes_.end()) {
    return absl::DataLossError(absl::StrCat("expected one of the ", classes_.size(),
                                            " classes, found ", quote_found(name),
                                            hint(name, classes_)));
  }
  at::Tensor tensor = at::empty({}, at::kLong);
  *tensor.mutable_data_ptr<int64_t>() = place - classes_.begin();
  return tensor;
}

absl::StatusOr<JsonFields> JsonFields::create(const config::JsonLines& config) {
  if (config.fields().empty()) return field_error("fields", "no field is named");
  JsonFields fields;
  for (int i = 0; i < config.fields_size(); ++i) {
    const std::string path = absl::StrCat("fields[", i, "]");
    absl::StatusOr<JsonFieldReader> reader = JsonFieldReader::create(config.fields(i));
    if (!reader.ok()) return in_field(path, reader.status());
    for (const JsonFieldReader& other : fields.readers_) {
      if (other.name() == reader->name()) {
        return field_error(absl::StrCat(path, ".tensor"),
                           absl::StrCat("two fields go to the tensor ", quote_found(other.name())));
      }
    }
    fields.readers_.push_back(*std::move(reader));
  }
  return fields;
}

absl::StatusOr<TensorDict> JsonFields::read(const json& object) const {
  TensorDict sample;
  for (const JsonFieldReader& reader : readers_) {
    COMPOSER_ASSIGN_OR_RETURN(at::Tensor tensor, reader.read(object));
    sample.set(reader.name(), std::move(tensor));
  }
  return sample;
}

}  // namespace composer
