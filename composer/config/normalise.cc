#include "composer/config/normalise.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/suggest.h"
#include "composer/config/scalars.h"
#include "composer/config/schema.h"
#include "proto/run.pb.h"

namespace composer {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

bool is_null(const Value& value) { return value.is_scalar(Value::ScalarKind::kNull); }

std::string first_at(const Location& location) {
  return absl::StrCat("first at line ", location.line, ", column ", location.column);
}

class Normaliser {
 public:
  explicit Normaliser(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  Value message(const Descriptor* type, Value tree, const std::string& path) {
    if (is_any(type) && has_type_key(tree)) return any(std::move(tree), path);
    Value result = make_map(tree.location);
    result.incomplete = tree.incomplete;
    std::map<const FieldDescriptor*, size_t> index;
    std::map<const OneofDescriptor*, const FieldDescriptor*> chosen;
    for (ValueEntry& entry : tree.entries) {
      const bool json_names = entry.location.source->format != ConfigFormat::kTextproto;
      const FieldDescriptor* field = find_field(type, entry.key, json_names);
      if (field == nullptr) {
        diagnostics_.add(entry.location, path, unknown_field(type, entry.key));
        result.incomplete = true;
        continue;
      }
      const std::string field_path = join_path(path, key_of(field));
      if (!take_field(field, entry, field_path)) {
        result.incomplete = true;
        continue;
      }
      const auto [position, first] = index.emplace(field, result.entries.size());
      if (first) {
        const OneofDescriptor* oneof = field->real_containing_oneof();
        if (oneof != nullptr && !is_null(entry.value)) {
          const auto [other, alone] = chosen.emplace(oneof, field);
          if (!alone) {
            add_conflict(oneof, *other->second, entry, field_path,
                         result.entries[index[other->second]].location);
            index.erase(field);
            continue;
          }
        }
        entry.key = key_of(field);
        result.entries.push_back(std::move(entry));
      } else if (field->is_repeated()) {
        extend(result.entries[position->second].value, std::move(entry.value));
      } else {
        diagnostics_.add(
            entry.location, field_path,
            absl::StrCat("set twice; ", first_at(result.entries[position->second].location)));
      }
    }
    return result;
  }

  bool field(const FieldDescriptor* field, bool element, Value& value, const std::string& path) {
    if (is_null(value) && !element && (!is_message(field) || !chooses_by_null(field, value))) {
      return true;
    }
    if (field->is_repeated() && !element) return list(field, value, path);
    if (!is_message(field)) {
      if (value.kind == Value::Kind::kScalar && !is_null(value)) return true;
      return expected(expected_scalar(field), value, path);
    }
    const Descriptor* type = field->message_type();
    if (value.kind == Value::Kind::kScalar) {
      if (is_null(value) && !element) {
        value = make_map(value.location);
      } else if (!choose_by_name(type, value, path)) {
        return false;
      }
    }
    if (value.kind == Value::Kind::kList) return expected(message_words(type), value, path);
    value = message(type, std::move(value), path);
    return true;
  }

 private:
  static bool has_type_key(const Value& tree) {
    for (const ValueEntry& entry : tree.entries) {
      if (absl::StartsWith(entry.key, "[")) return true;
    }
    return false;
  }

  // YAML's `- label_smoothing:` has null where the settings would be.
  static bool chooses_by_null(const FieldDescriptor* field, const Value& value) {
    return value.format() == ConfigFormat::kYaml && field->real_containing_oneof() != nullptr;
  }

  bool take_field(const FieldDescriptor* field_type, ValueEntry& entry, const std::string& path) {
    if (entry.append && !field_type->is_repeated()) {
      diagnostics_.add(entry.location, path, "not a list; only lists can be appended to with +");
      return false;
    }
    const bool fits = field(field_type, false, entry.value, path);
    if (fits && entry.value.kind == Value::Kind::kList) entry.value.append = entry.append;
    return fits;
  }

  Value any(Value tree, const std::string& path) {
    Value result = make_map(tree.location);
    result.incomplete = tree.incomplete;
    for (ValueEntry& entry : tree.entries) {
      if (!absl::StartsWith(entry.key, "[")) {
        diagnostics_.add(entry.location, path,
                         absl::StrCat("no field \"", entry.key,
                                      "\" beside the type; the type's fields stand inside it"));
        continue;
      }
      if (!result.entries.empty()) {
        diagnostics_.add(entry.location, path,
                         absl::StrCat("two types; ", first_at(result.entries[0].location)));
        continue;
      }
      const std::string name = type_name_of(entry.key);
      const Descriptor* type = find_any_type(entry.key);
      if (type == nullptr) {
        diagnostics_.add(
            entry.location, path,
            absl::StrCat("no type ", name, " is loaded; load its library with --plugin"));
        result.incomplete = true;
        continue;
      }
      if (is_null(entry.value)) entry.value = make_map(entry.value.location);
      if (entry.value.kind != Value::Kind::kMap) {
        expected(message_words(type), entry.value, path);
        result.incomplete = true;
        continue;
      }
      entry.key = absl::StrCat("[", name, "]");
      entry.value = message(type, std::move(entry.value), path);
      result.entries.push_back(std::move(entry));
    }
    return result;
  }

  bool list(const FieldDescriptor* field_type, Value& value, const std::string& path) {
    if (field_type->is_map() && value.kind == Value::Kind::kMap &&
        value.format() != ConfigFormat::kTextproto) {
      value = entries_of(std::move(value));
    }
    const bool bare = value.kind != Value::Kind::kList;
    if (bare) {
      const bool textproto =
          value.format() == ConfigFormat::kTextproto || value.format() == ConfigFormat::kArgument;
      if (!textproto) {
        return expected("a list", value, path);
      }
      Value wrapped = make_list(value.location);
      wrapped.items.push_back(std::move(value));
      value = std::move(wrapped);
    }
    Value result = make_list(value.location);
    result.append = value.append;
    result.incomplete = value.incomplete;
    for (Value& item : value.items) {
      const std::string item_path = absl::StrCat(path, "[", next_index_[path]++, "]");
      if (!field(field_type, true, item, item_path)) {
        item = make_scalar(Value::ScalarKind::kNull, "", item.location);
        result.incomplete = true;
      }
      result.items.push_back(std::move(item));
    }
    value = std::move(result);
    return true;
  }

  // {a: 1} becomes [{key: "a", value: 1}].
  static Value entries_of(Value map) {
    Value result = make_list(map.location);
    for (ValueEntry& entry : map.entries) {
      Value pair = make_map(entry.location);
      const Value::ScalarKind kind = entry.value.format() == ConfigFormat::kYaml
                                         ? Value::ScalarKind::kWord
                                         : Value::ScalarKind::kString;
      Value key = make_scalar(kind, entry.key, entry.location);
      pair.entries.push_back({"key", entry.location, false, std::move(key)});
      pair.entries.push_back({"value", entry.location, false, std::move(entry.value)});
      result.items.push_back(std::move(pair));
    }
    return result;
  }

  static void extend(Value& list, Value more) {
    if (is_null(list)) {
      list = std::move(more);
      return;
    }
    // A list that is set and appended to replaces.
    list.append = list.append && more.append;
    list.incomplete = list.incomplete || more.incomplete;
    for (Value& item : more.items) list.items.push_back(std::move(item));
  }

  bool choose_by_name(const Descriptor* type, Value& value, const std::string& path) {
    const OneofDescriptor* choice = choice_of(type);
    const bool name = value.scalar_kind == Value::ScalarKind::kWord ||
                      value.scalar_kind == Value::ScalarKind::kString;
    if (choice == nullptr || !name) return expected(message_words(type), value, path);
    const FieldDescriptor* member = find_field(type, value.text, false);
    if (member == nullptr) {
      diagnostics_.add(value.location, path, unknown_field(type, value.text));
      return false;
    }
    Value map = make_map(value.location);
    map.entries.push_back({member->name(), value.location, false, make_map(value.location)});
    if (!is_message(member) || is_any(member->message_type())) {
      diagnostics_.add(value.location, path,
                       absl::StrCat("\"", member->name(), "\" cannot stand without a value"));
      return false;
    }
    value = std::move(map);
    return true;
  }

  void add_conflict(const OneofDescriptor* oneof, const FieldDescriptor& first,
                    const ValueEntry& entry, const std::string& path,
                    const Location& first_location) {
    diagnostics_.add(entry.location, path,
                     absl::StrCat("only one ", oneof->name(), " can be chosen; \"", first.name(),
                                  "\" is chosen at line ", first_location.line, ", column ",
                                  first_location.column));
  }

  bool expected(absl::string_view what, const Value& found, const std::string& path) {
    // What a syntax error cut off may only look wrong.
    if (!found.incomplete) {
      diagnostics_.add(found.location, path,
                       absl::StrCat("expected ", what, ", found ", found.describe()));
    }
    return false;
  }

  static std::string message_words(const Descriptor* type) {
    const OneofDescriptor* choice = choice_of(type);
    if (choice == nullptr) return absl::StrCat("the fields of ", type->name());
    return absl::StrCat("one of ", enumerate(member_names(choice), "or"));
  }

  Diagnostics& diagnostics_;
  // A repeated field may be written in several pieces: the index of its next element.
  std::map<std::string, int> next_index_;
};

}  // namespace

Value normalise(const Descriptor* type, Value tree, absl::string_view path,
                Diagnostics& diagnostics) {
  return Normaliser(diagnostics).message(type, std::move(tree), std::string(path));
}

bool normalise_field(const FieldDescriptor* field, bool element, Value& value,
                     absl::string_view path, Diagnostics& diagnostics) {
  return Normaliser(diagnostics).field(field, element, value, std::string(path));
}

std::string unknown_field(const Descriptor* type, absl::string_view name) {
  const OneofDescriptor* choice = choice_of(type);
  const std::string begin = choice != nullptr
                                ? absl::StrCat("no ", choice->name(), " \"", name, "\"; ")
                                : absl::StrCat("no field \"", name, "\" in ", type->name(), "; ");
  const std::vector<std::string> fields = field_names(type);
  const bool near = !nearest(name, fields).empty();
  if (!near) {
    const std::string elsewhere = path_to_field(config::Run::descriptor(), name);
    if (!elsewhere.empty()) {
      return absl::StrCat(begin, "\"", name, "\" stands in a config as ", elsewhere);
    }
  }
  return begin + suggestion(name, near || choice == nullptr ? fields : member_names(choice));
}

}  // namespace composer
