#include "composer/config/value.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace composer {

Value* Value::find(absl::string_view key) {
  return const_cast<Value*>(static_cast<const Value*>(this)->find(key));
}

const Value* Value::find(absl::string_view key) const {
  for (const ValueEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

void Value::erase(absl::string_view key) {
  entries.erase(std::remove_if(entries.begin(), entries.end(),
                               [&](const ValueEntry& entry) { return entry.key == key; }),
                entries.end());
}

std::string Value::describe() const {
  if (kind == Kind::kList) return "a list";
  if (kind == Kind::kMap) return "a message";
  constexpr size_t kShown = 80;
  const std::string shown =
      text.size() <= kShown ? text : absl::StrCat(text.substr(0, kShown), "...");
  switch (scalar_kind) {
    case ScalarKind::kString:
      return absl::StrCat("the string \"", absl::Utf8SafeCEscape(shown), "\"");
    case ScalarKind::kNumber:
      return absl::StrCat("the number ", shown);
    case ScalarKind::kWord:
      return absl::StrCat("the word ", absl::Utf8SafeCEscape(shown));
    case ScalarKind::kNull:
      return "null";
  }
  return "";
}

Value make_scalar(Value::ScalarKind kind, std::string text, Location location) {
  Value value;
  value.kind = Value::Kind::kScalar;
  value.scalar_kind = kind;
  value.text = std::move(text);
  value.location = std::move(location);
  return value;
}

Value make_map(Location location) {
  Value value;
  value.kind = Value::Kind::kMap;
  value.location = std::move(location);
  return value;
}

Value make_list(Location location) {
  Value value;
  value.kind = Value::Kind::kList;
  value.location = std::move(location);
  return value;
}

}  // namespace composer
