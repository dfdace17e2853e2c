#include "composer/checkpoint/state_file.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/base/utf8.h"

namespace composer {
namespace {

using Json = nlohmann::json;

constexpr char kFormat[] = "composer.state.1";
// Nobody nests deeper; a damaged file may.
constexpr int kMaxDepth = 64;

std::string join(absl::string_view path, absl::string_view name) {
  const std::string escaped = absl::StrReplaceAll(name, {{"~", "~0"}, {"/", "~1"}});
  return path.empty() ? escaped : absl::StrCat(path, "/", escaped);
}

absl::Status not_writable(absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("entry ", json_quote(path), " ", why));
}

Json json_number(double value) {
  if (std::isfinite(value)) return value;
  return absl::StrFormat("0x%016x", std::bit_cast<uint64_t>(value));
}

std::optional<double> number_of(const Json& json) {
  if (json.is_number_float()) return json.get<double>();
  if (!json.is_string()) return std::nullopt;
  const auto& text = json.get_ref<const std::string&>();
  uint64_t bits;
  if (text.size() != 18 || !absl::SimpleHexAtoi(text, &bits)) return std::nullopt;
  const double value = std::bit_cast<double>(bits);
  if (std::isfinite(value)) return std::nullopt;
  return value;
}

// What goes into the file.
struct Writer {
  NamedTensors tensors;

  template <typename Map>
  static absl::Status check_names(absl::string_view path, const Map& map) {
    for (const auto& [name, value] : map) {
      if (!is_utf8(name)) return not_writable(path, "has a name in it that is not UTF-8");
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Json> add(absl::string_view path, const StateDict& state) {
    COMPOSER_RETURN_IF_ERROR(check_names(path, state.tensors()));
    COMPOSER_RETURN_IF_ERROR(check_names(path, state.integers()));
    COMPOSER_RETURN_IF_ERROR(check_names(path, state.numbers()));
    COMPOSER_RETURN_IF_ERROR(check_names(path, state.strings()));
    COMPOSER_RETURN_IF_ERROR(check_names(path, state.children()));
    Json json = Json::object();
    for (const auto& [name, tensor] : state.tensors()) {
      json["tensors"][name] = tensor.defined() ? Json(true) : Json(nullptr);
      if (!tensor.defined()) continue;
      if (tensor.layout() != at::kStrided) {
        return not_writable(join(path, name), "is no dense tensor");
      }
      tensors.emplace_back(join(path, name), tensor);
    }
    for (const auto& [name, value] : state.integers()) json["integers"][name] = value;
    for (const auto& [name, value] : state.numbers()) json["numbers"][name] = json_number(value);
    for (const auto& [name, value] : state.strings()) {
      if (!is_utf8(value)) return not_writable(join(path, name), "is not UTF-8");
      json["strings"][name] = value;
    }
    for (const auto& [name, part] : state.children()) {
      COMPOSER_ASSIGN_OR_RETURN(json["children"][name], add(join(path, name), part));
    }
    return json;
  }
};

absl::Status damaged(absl::string_view path, absl::string_view what) {
  return absl::DataLossError(path.empty() ? std::string(what)
                                          : absl::StrCat("entry ", json_quote(path), " ", what));
}

// Takes the tensors that the tree names out of those of the file.
struct Reader {
  std::map<std::string, at::Tensor> tensors;

  absl::Status read_entry(absl::string_view kind, absl::string_view path, const std::string& name,
                          const Json& value, int depth, StateDict& state) {
    const std::string own_path = join(path, name);
    if (kind == "tensors") {
      if (value.is_null()) {
        state.set(name, at::Tensor());
        return absl::OkStatus();
      }
      const auto tensor = tensors.find(own_path);
      if (value != true) return damaged(own_path, "should be a tensor");
      if (tensor == tensors.end()) return damaged(own_path, "has no tensor in the file");
      state.set(name, std::move(tensor->second));
      tensors.erase(tensor);
    } else if (kind == "integers") {
      const bool fits = !value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX;
      if (!value.is_number_integer() || !fits) return damaged(own_path, "should be an integer");
      state.set(name, value.get<int64_t>());
    } else if (kind == "numbers") {
      const std::optional<double> number = number_of(value);
      if (!number) return damaged(own_path, "should be a number");
      state.set(name, *number);
    } else if (kind == "strings") {
      if (!value.is_string()) return damaged(own_path, "should be a string");
      state.set(name, absl::string_view(value.get_ref<const std::string&>()));
    } else if (kind == "children") {
      COMPOSER_ASSIGN_OR_RETURN(StateDict part, read(own_path, value, depth + 1));
      state.set(name, std::move(part));
    } else {
      return damaged(path, absl::StrCat("has an unknown kind of entries ", json_quote(kind)));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<StateDict> read(absl::string_view path, const Json& json, int depth) {
    if (depth > kMaxDepth) return damaged(path, "is nested too deeply");
    if (!json.is_object()) return damaged(path, "should be a state, an object");
    StateDict state;
    for (const auto& [kind, entries] : json.items()) {
      if (!entries.is_object()) return damaged(path, "has entries that are no object");
      for (const auto& [name, value] : entries.items()) {
        COMPOSER_RETURN_IF_ERROR(read_entry(kind, path, name, value, depth, state));
      }
    }
    return state;
  }
};

}  // namespace

absl::StatusOr<StateFileContent> state_file_content(const StateDict& state) {
  Writer writer;
  COMPOSER_ASSIGN_OR_RETURN(const Json json, writer.add("", state));
  return StateFileContent{.tensors = std::move(writer.tensors),
                          .metadata = {{"format", kFormat}, {"state", json.dump()}}};
}

absl::StatusOr<StateDict> state_in(SafetensorsFile file) {
  std::string format, text;
  for (auto& [key, value] : file.metadata) {
    if (key == "format") format = std::move(value);
    if (key == "state") text = std::move(value);
  }
  if (format != kFormat) {
    return absl::DataLossError(absl::StrCat("it is no file of a state: its format is ",
                                            json_quote(format), ", not ", json_quote(kFormat)));
  }
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::DataLossError("its entry \"state\" is not JSON");
  Reader reader;
  for (auto& [name, tensor] : file.tensors) reader.tensors.emplace(name, std::move(tensor));
  COMPOSER_ASSIGN_OR_RETURN(StateDict state, reader.read("", json, 0));
  if (!reader.tensors.empty()) {
    return damaged(reader.tensors.begin()->first, "is a tensor that the state does not have");
  }
  return state;
}

absl::Status write_state_file(const std::string& path, const StateDict& state) {
  const absl::StatusOr<StateFileContent> content = state_file_content(state);
  if (!content.ok()) return annotate(path, content.status());
  return write_safetensors(path, content->tensors, content->metadata);
}

absl::StatusOr<StateDict> read_state_file(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(SafetensorsFile file, read_safetensors(path));
  absl::StatusOr<StateDict> state = state_in(std::move(file));
  if (!state.ok()) return annotate(path, state.status());
  return state;
}

}  // namespace composer
