#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "composer/config/location.h"

namespace composer {

struct ValueEntry;

/// A node of the tree that every reader makes of its text, before anything is known about the
/// schema.
struct Value {
  enum class Kind { kScalar, kList, kMap };
  enum class ScalarKind {
    /// In quotes; `text` has its escapes resolved.
    kString,
    /// A number by the rules of the source's format.
    kNumber,
    /// A bare word: true, NORM, auto, inf.
    kWord,
    /// YAML's and JSON's null: the field is as if it were left out.
    kNull,
  };

  Kind kind = Kind::kMap;
  ScalarKind scalar_kind = ScalarKind::kWord;
  /// Scalars: the text as written (without the quotes of a string), with its sign.
  std::string text;
  /// Where the value begins; for a list or map, its bracket or first element.
  Location location;
  std::vector<Value> items;
  /// In the order of the text; the textproto reader keeps repeated keys.
  std::vector<ValueEntry> entries;
  /// A list that is appended to what an included file has, instead of replacing it.
  bool append = false;
  /// A part of the text is missing here because it could not be read; what is required may be in
  /// it.
  bool incomplete = false;

  ConfigFormat format() const { return location.source->format; }
  bool is_scalar(ScalarKind which) const { return kind == Kind::kScalar && scalar_kind == which; }

  /// The value of the first entry with this key; nullptr when there is none.
  Value* find(absl::string_view key);
  const Value* find(absl::string_view key) const;
  /// Removes the entries with this key.
  void erase(absl::string_view key);

  /// For messages: `the string "x"`, `the number 5`, `the word foo`, `a list`, `a message`.
  std::string describe() const;
};

struct ValueEntry {
  /// A field's name; "[full.Name]" or "[domain/full.Name]" for the type of an Any or an extension.
  std::string key;
  /// Where the key stands.
  Location location;
  /// The key was written with a plus ("algorithms+"): the value is appended.
  bool append = false;
  Value value;
};

Value make_scalar(Value::ScalarKind kind, std::string text, Location location);
Value make_map(Location location);
Value make_list(Location location);

/// How deep values may be nested, and of how many nodes a file may consist after its aliases are
/// replaced: more is refused by the readers, so that no later step can run out of stack or memory.
constexpr int kMaxValueDepth = 100;
constexpr int kMaxValueNodes = 100000;

}  // namespace composer
