#include "composer/checkpoint/state_file.h"

#include <map>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "composer/base/status.h"

namespace composer {
namespace {

std::string join(const std::string& folder, const std::string& name) {
  const std::string escaped = absl::StrReplaceAll(name, {{"~", "~0"}, {"/", "~1"}});
  return folder.empty() ? escaped : absl::StrCat(folder, "/", escaped);
}

void add(const StateDict& state, const std::string& path, SafetensorsFile& file) {
  const auto note = [&](absl::string_view kind, const std::string& name, std::string value) {
    file.metadata.emplace_back(absl::StrCat(kind, ":", join(path, name)), std::move(value));
  };
  for (const auto& [name, tensor] : state.tensors()) {
    file.tensors.emplace_back(join(path, name), tensor);
  }
  for (const auto& [name, value] : state.integers()) note("integer", name, absl::StrCat(value));
  for (const auto& [name, value] : state.numbers()) {
    note("number", name, absl::StrFormat("%.17g", value));
  }
  for (const auto& [name, value] : state.strings()) note("string", name, value);
  for (const auto& [name, part] : state.children()) {
    if (part.empty()) note("part", name, "");
    add(part, join(path, name), file);
  }
}

// A state whose parts can still be added to.
struct Tree {
  StateDict own;
  std::map<std::string, Tree> parts;

  // The part that the entry `path` stands in, and its name there.
  std::pair<Tree*, std::string> find(absl::string_view path) {
    const auto unescaped = [](absl::string_view name) {
      return absl::StrReplaceAll(name, {{"~1", "/"}, {"~0", "~"}});
    };
    Tree* tree = this;
    for (size_t end = path.find('/'); end != path.npos; end = path.find('/')) {
      tree = &tree->parts[unescaped(path.substr(0, end))];
      path.remove_prefix(end + 1);
    }
    return {tree, unescaped(path)};
  }

  StateDict take() {
    for (auto& [name, part] : parts) own.set(name, part.take());
    return std::move(own);
  }
};

absl::Status add_noted(absl::string_view key, const std::string& value, Tree& root) {
  const size_t colon = key.find(':');
  const absl::string_view kind = key.substr(0, colon);
  const auto [tree, name] = root.find(colon == key.npos ? "" : key.substr(colon + 1));
  int64_t integer = 0;
  double number = 0;
  if (kind == "integer" && absl::SimpleAtoi(value, &integer)) {
    tree->own.set(name, integer);
  } else if (kind == "number" && absl::SimpleAtod(value, &number)) {
    tree->own.set(name, number);
  } else if (kind == "string") {
    tree->own.set(name, value);
  } else if (kind == "part") {
    tree->parts[name];
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", key, "\": \"", value, "\" in the metadata is no part of a state"));
  }
  return absl::OkStatus();
}

}  // namespace

SafetensorsFile to_safetensors(const StateDict& state) {
  SafetensorsFile file;
  add(state, "", file);
  return file;
}

absl::StatusOr<StateDict> from_safetensors(const SafetensorsFile& file) {
  Tree root;
  for (const auto& [path, tensor] : file.tensors) {
    const auto [tree, name] = root.find(path);
    tree->own.set(name, tensor);
  }
  for (const auto& [key, value] : file.metadata) {
    COMPOSER_RETURN_IF_ERROR(add_noted(key, value, root));
  }
  return root.take();
}

absl::Status write_state(const std::string& path, const StateDict& state) {
  const SafetensorsFile file = to_safetensors(state);
  return write_safetensors(path, file.tensors, file.metadata);
}

absl::StatusOr<StateDict> read_state(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const SafetensorsFile file, read_safetensors(path));
  absl::StatusOr<StateDict> state = from_safetensors(file);
  if (!state.ok()) return annotate(path, state.status());
  return state;
}

}  // namespace composer
