#include "composer/config/overrides.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "composer/config/merge.h"
#include "composer/config/normalise.h"
#include "composer/config/schema.h"
#include "composer/config/textproto_reader.h"
#include "composer/config/yaml_scalars.h"

namespace composer {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// One step of a path: "algorithms[0]".
struct Step {
  std::string name;
  absl::optional<size_t> index;
  Location location;
};

class Override {
 public:
  Override(const std::shared_ptr<const Source>& source, Diagnostics& diagnostics)
      : source_(source), text_(source->argument), diagnostics_(diagnostics) {}

  bool apply(const Descriptor* type, Value& tree) {
    const size_t equals = text_.find('=');
    if (equals == std::string::npos) {
      return fail(at(0), "", absl::StrCat("expected field=value, found \"", text_, "\""));
    }
    append_ = equals > 0 && text_[equals - 1] == '+';
    value_begin_ = equals + 1;
    std::vector<Step> steps;
    if (!parse_path(text_.substr(0, append_ ? equals - 1 : equals), steps)) return false;
    Value* message = &tree;
    for (size_t i = 0; i + 1 < steps.size(); ++i) {
      message = descend(steps[i], type, message);
      if (message == nullptr) return false;
    }
    return assign(steps.back(), type, *message);
  }

 private:
  Location at(size_t offset) const { return {source_, 1, static_cast<int>(offset) + 1}; }

  bool fail(const Location& location, absl::string_view path, absl::string_view message) {
    diagnostics_.add(location, path, message);
    return false;
  }

  bool parse_path(const std::string& path, std::vector<Step>& steps) {
    size_t offset = 0;
    for (absl::string_view part : absl::StrSplit(path, '.')) {
      Step step;
      step.location = at(offset);
      offset += part.size() + 1;
      const size_t bracket = part.find('[');
      step.name = std::string(part.substr(0, bracket));
      if (bracket != absl::string_view::npos) {
        absl::string_view digits = part.substr(bracket + 1);
        size_t index;
        if (!absl::ConsumeSuffix(&digits, "]") || !absl::SimpleAtoi(digits, &index)) {
          return fail(
              step.location, "",
              absl::StrCat("expected an element such as ", step.name, "[0], found \"", part, "\""));
        }
        step.index = index;
      }
      if (step.name.empty()) {
        return fail(step.location, "", "expected the name of a field before \"=\"");
      }
      steps.push_back(std::move(step));
    }
    return true;
  }

  // The field that a step names; `type` and `message` become those of a plugin if it is in one.
  const FieldDescriptor* find(const Step& step, const Descriptor*& type, Value*& message) {
    if (is_any(type)) {
      if (message->entries.empty() || !absl::StartsWith(message->entries[0].key, "[")) {
        // An incomplete one has its error already.
        if (!message->incomplete) {
          fail(step.location, path_, "no type is chosen; write plugin={[full.Name] {...}}");
        }
        return nullptr;
      }
      type = find_any_type(message->entries[0].key);
      message = &message->entries[0].value;
    }
    const FieldDescriptor* field = find_field(type, step.name, true);
    if (field == nullptr) {
      fail(step.location, path_, unknown_field(type, step.name));
      return nullptr;
    }
    path_ = join_path(path_, field->name());
    return field;
  }

  // The element of a list that a step names; nullptr after an error.
  Value* element(const Step& step, const FieldDescriptor* field, Value& message) {
    if (!field->is_repeated()) {
      fail(step.location, path_, "not a list; it has no elements");
      return nullptr;
    }
    Value* list = message.find(key_of(field));
    const size_t size = list == nullptr ? 0 : list->items.size();
    if (*step.index >= size) {
      fail(step.location, path_,
           absl::StrCat("no element ", *step.index, "; the list has ", size,
                        size == 1 ? " element" : " elements", "; += appends one"));
      return nullptr;
    }
    path_ = absl::StrCat(path_, "[", *step.index, "]");
    return &list->items[*step.index];
  }

  Value* descend(const Step& step, const Descriptor*& type, Value* message) {
    const FieldDescriptor* field = find(step, type, message);
    if (field == nullptr) return nullptr;
    if (!is_message(field)) {
      fail(step.location, path_, "a value, which has no fields");
      return nullptr;
    }
    type = field->message_type();
    if (step.index) return element(step, field, *message);
    if (field->is_repeated()) {
      fail(step.location, path_,
           absl::StrCat("a list; choose an element, such as ", field->name(), "[0]"));
      return nullptr;
    }
    unset_siblings(field, *message);
    return &entry(field, step.location, *message);
  }

  // The field's value, made an empty message if there is none.
  static Value& entry(const FieldDescriptor* field, const Location& location, Value& message) {
    Value* value = message.find(key_of(field));
    if (value != nullptr && !value->is_scalar(Value::ScalarKind::kNull)) return *value;
    message.erase(key_of(field));
    message.entries.push_back({key_of(field), location, false, make_map(location)});
    return message.entries.back().value;
  }

  bool assign(const Step& step, const Descriptor* type, Value& tree) {
    Value* message = &tree;
    const FieldDescriptor* field = find(step, type, message);
    if (field == nullptr) return false;
    if (append_ && (!field->is_repeated() || step.index)) {
      return fail(step.location, path_, "not a list; only lists can be appended to with +=");
    }
    Value* replaced = step.index ? element(step, field, *message) : nullptr;
    if (step.index && replaced == nullptr) return false;
    absl::optional<Value> value = parse_value(field);
    if (!value) return false;
    if (!normalise_field(field, step.index.has_value(), *value, path_, diagnostics_)) return false;
    if (replaced != nullptr) {
      *replaced = std::move(*value);
      return true;
    }
    if (append_ && value->kind != Value::Kind::kList) {
      return fail(at(value_begin_), path_, "null cannot be appended");
    }
    value->append = append_;
    Value over = make_map(tree.location);
    over.entries.push_back({key_of(field), step.location, false, std::move(*value)});
    if (!append_) message->erase(key_of(field));
    merge(type, std::move(over), *message);
    return true;
  }

  absl::optional<Value> parse_value(const FieldDescriptor* field) {
    const std::string raw = text_.substr(value_begin_);
    const absl::string_view text = absl::StripAsciiWhitespace(raw);
    if (is_message(field) || absl::StartsWith(text, "[")) {
      return read_fragment(text_, value_begin_, is_message(field), source_, diagnostics_);
    }
    const Location location = at(value_begin_);
    if (text == "null") return make_scalar(Value::ScalarKind::kNull, "", location);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      if (absl::StartsWith(text, "\"") || absl::StartsWith(text, "'")) {
        return read_fragment(text_, value_begin_, false, source_, diagnostics_);
      }
      return make_scalar(Value::ScalarKind::kString, raw, location);
    }
    const std::string word(text);
    const bool number = is_yaml_number(word, ConfigFormat::kArgument);
    return make_scalar(number ? Value::ScalarKind::kNumber : Value::ScalarKind::kWord, word,
                       location);
  }

  const std::shared_ptr<const Source>& source_;
  const std::string& text_;
  Diagnostics& diagnostics_;
  // Of the steps that were taken.
  std::string path_;
  size_t value_begin_ = 0;
  bool append_ = false;
};

}  // namespace

void apply_override(const Descriptor* type, const std::shared_ptr<const Source>& source,
                    Value& tree, Diagnostics& diagnostics) {
  Value changed = tree;
  if (Override(source, diagnostics).apply(type, changed)) {
    tree = std::move(changed);
  } else {
    tree.incomplete = true;
  }
}

}  // namespace composer
