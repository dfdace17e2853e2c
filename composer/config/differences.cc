#include "composer/config/differences.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/logging.h"
#include "composer/config/any.h"
#include "composer/config/diagnostics.h"
#include "composer/config/schema.h"
#include "google/protobuf/text_format.h"
#include "proto/options.pb.h"

namespace composer {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

constexpr char kUnset[] = "unset";

bool is_stateful(const FieldDescriptor* field) {
  return field->options().GetExtension(config::kind) == config::STATEFUL;
}

std::string message_text(const Message& message) {
  std::string text;
  TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  printer.SetExpandAny(true);
  printer.SetUseUtf8StringEscaping(true);
  printer.PrintToString(message, &text);
  return absl::StrCat("{ ", text, "}");
}

// An element of a list, or the field's value or default when `index` is -1.
std::string value_text(const Message& message, const FieldDescriptor* field, int index) {
  if (is_message(field)) {
    const Reflection* reflection = message.GetReflection();
    return message_text(index < 0 ? reflection->GetMessage(message, field)
                                  : reflection->GetRepeatedMessage(message, field, index));
  }
  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintFieldValueToString(message, field, index, &text);
  return text;
}

std::string list_text(const Message& message, const FieldDescriptor* field) {
  std::vector<std::string> items;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
    items.push_back(value_text(message, field, i));
  }
  return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
}

// A singular field's value, its default, or "unset".
std::string field_text(const Message& message, const FieldDescriptor* field) {
  const bool applies = !field->has_presence() || field->has_default_value() ||
                       message.GetReflection()->HasField(message, field);
  return applies ? value_text(message, field, -1) : kUnset;
}

class Comparison {
 public:
  void compare(const Message& a, const Message& b, const std::string& path) {
    const Descriptor* type = a.GetDescriptor();
    if (is_any(type)) return compare_any(a, b, path);
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      const OneofDescriptor* oneof = field->real_containing_oneof();
      if (oneof != nullptr) {
        if (field == oneof->field(0)) compare_oneof(a, b, oneof, path);
      } else if (is_stateful(field)) {
        compare_field(a, b, field, join_path(path, field->name()));
      }
    }
  }

  std::vector<FieldDifference> take() { return std::move(differences_); }

 private:
  void add(const std::string& path, std::string first, std::string second) {
    if (first == second) return;
    differences_.push_back({path, std::move(first), std::move(second)});
  }

  void compare_field(const Message& a, const Message& b, const FieldDescriptor* field,
                     const std::string& path) {
    if (field->is_repeated()) {
      is_message(field) ? compare_messages(a, b, field, path)
                        : add(path, list_text(a, field), list_text(b, field));
      return;
    }
    const Reflection* reflection = a.GetReflection();
    if (is_message(field) && reflection->HasField(a, field) && reflection->HasField(b, field)) {
      compare(reflection->GetMessage(a, field), reflection->GetMessage(b, field), path);
      return;
    }
    add(path, field_text(a, field), field_text(b, field));
  }

  void compare_messages(const Message& a, const Message& b, const FieldDescriptor* field,
                        const std::string& path) {
    const Reflection* reflection = a.GetReflection();
    const int size_a = reflection->FieldSize(a, field), size_b = reflection->FieldSize(b, field);
    for (int i = 0; i < std::max(size_a, size_b); ++i) {
      const std::string item_path = absl::StrCat(path, "[", i, "]");
      if (i < size_a && i < size_b) {
        compare(reflection->GetRepeatedMessage(a, field, i),
                reflection->GetRepeatedMessage(b, field, i), item_path);
      } else {
        add(item_path, i < size_a ? value_text(a, field, i) : kUnset,
            i < size_b ? value_text(b, field, i) : kUnset);
      }
    }
  }

  void compare_oneof(const Message& a, const Message& b, const OneofDescriptor* oneof,
                     const std::string& path) {
    const Reflection* reflection = a.GetReflection();
    const FieldDescriptor* in_a = reflection->GetOneofFieldDescriptor(a, oneof);
    const FieldDescriptor* in_b = reflection->GetOneofFieldDescriptor(b, oneof);
    const bool stateful =
        (in_a != nullptr && is_stateful(in_a)) || (in_b != nullptr && is_stateful(in_b));
    if (!stateful) return;
    if (in_a == in_b) return compare_field(a, b, in_a, join_path(path, in_a->name()));
    const auto text = [](const Message& message, const FieldDescriptor* field) {
      if (field == nullptr) return std::string(kUnset);
      return absl::StrCat(field->name(), is_message(field) ? " " : ": ",
                          value_text(message, field, -1));
    };
    const bool choice = choice_of(a.GetDescriptor()) != nullptr;
    add(choice ? path : join_path(path, oneof->name()), text(a, in_a), text(b, in_b));
  }

  void compare_any(const Message& a, const Message& b, const std::string& path) {
    const std::unique_ptr<Message> in_a = unpack_any(a), in_b = unpack_any(b);
    const bool same_type =
        in_a != nullptr && in_b != nullptr && in_a->GetDescriptor() == in_b->GetDescriptor();
    if (same_type) return compare(*in_a, *in_b, path);
    add(path, message_text(a), message_text(b));
  }

  std::vector<FieldDifference> differences_;
};

}  // namespace

std::vector<FieldDifference> stateful_differences(const Message& first, const Message& second) {
  CHECK_EQ(first.GetDescriptor(), second.GetDescriptor());
  Comparison comparison;
  comparison.compare(first, second, "");
  return comparison.take();
}

}  // namespace composer
