#include "composer/config/binder.h"

#include <algorithm>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "composer/base/suggest.h"
#include "composer/config/any.h"
#include "composer/config/scalars.h"
#include "composer/config/schema.h"
#include "proto/options.pb.h"

namespace composer {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::OneofDescriptor;

class Binder {
 public:
  Binder(const CheckOptions& options, Origins& origins, Diagnostics& diagnostics)
      : options_(options), origins_(origins), diagnostics_(diagnostics) {}

  void bind_message(const Value& tree, Message& message, const std::string& path) {
    const Descriptor* type = message.GetDescriptor();
    if (is_any(type) && (tree.entries.empty() || tree.entries[0].key[0] == '[')) {
      return bind_any(tree, message, path);
    }
    std::set<const FieldDescriptor*> given;
    for (const ValueEntry& entry : tree.entries) {
      if (entry.value.is_scalar(Value::ScalarKind::kNull)) continue;
      const FieldDescriptor* field = find_field(type, entry.key, false);
      given.insert(field);
      const std::string field_path = join_path(path, entry.key);
      origins_.set(field_path, entry.location);
      if (field->is_repeated()) {
        bind_list(entry.value, field, message, field_path);
      } else if (is_message(field)) {
        bind_message(entry.value, *message.GetReflection()->MutableMessage(&message, field),
                     field_path);
      } else {
        bind_scalar(entry.value, field, -1, message, field_path);
      }
    }
    if (!tree.incomplete) check_missing(tree, type, given, message, path);
  }

 private:
  void bind_list(const Value& list, const FieldDescriptor* field, Message& message,
                 const std::string& path) {
    for (size_t i = 0; i < list.items.size(); ++i) {
      const Value& item = list.items[i];
      if (item.is_scalar(Value::ScalarKind::kNull)) continue;  // its error is reported
      const std::string item_path = absl::StrCat(path, "[", i, "]");
      origins_.set(item_path, item.location);
      if (is_message(field)) {
        bind_message(item, *message.GetReflection()->AddMessage(&message, field), item_path);
      } else {
        bind_scalar(item, field, static_cast<int>(i), message, item_path);
      }
    }
    if (list.items.empty() && !list.incomplete && is_required(field)) {
      diagnostics_.add(list.location, path, "expected at least one element, found none");
    }
  }

  void bind_scalar(const Value& value, const FieldDescriptor* field, int index, Message& message,
                   const std::string& path) {
    absl::Status status = set_scalar(value, field, message);
    if (status.ok()) {
      // An element before it may have been left out for an error of its own.
      const int last = index < 0 ? -1 : message.GetReflection()->FieldSize(message, field) - 1;
      status = check_value(message, field, last, options_);
    }
    if (!status.ok()) diagnostics_.add(value.location, path, status.message());
  }

  void bind_any(const Value& tree, Message& any, const std::string& path) {
    if (tree.entries.empty()) {
      if (!tree.incomplete) {
        diagnostics_.add(tree.location, path, "expected a type: [full.Name] { ... }");
      }
      return;
    }
    const ValueEntry& entry = tree.entries[0];
    const Descriptor* type = find_any_type(entry.key);
    const std::unique_ptr<Message> content(
        MessageFactory::generated_factory()->GetPrototype(type)->New());
    bind_message(entry.value, *content, path);
    pack_any(*content, any);
  }

  void check_missing(const Value& tree, const Descriptor* type,
                     const std::set<const FieldDescriptor*>& given, const Message& message,
                     const std::string& path) {
    const OneofDescriptor* choice = choice_of(type);
    const bool chosen = std::any_of(given.begin(), given.end(), [&](const FieldDescriptor* field) {
      return field->real_containing_oneof() == choice;
    });
    if (choice != nullptr && !chosen) {
      diagnostics_.add(
          tree.location, path,
          absl::StrCat("nothing is chosen; choose one of ", enumerate(member_names(choice), "or")));
    }
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (given.count(field) > 0) continue;
      const std::string field_path = join_path(path, field->name());
      if (is_required(field)) {
        diagnostics_.add(tree.location, field_path, missing(field));
      } else if (field->options().GetExtension(config::check).path() != config::ANY_PATH &&
                 field->has_default_value()) {
        const absl::Status status = check_value(message, field, -1, options_);
        if (!status.ok()) {
          diagnostics_.add(tree.location, field_path,
                           absl::StrCat(status.message(), " (the default)"));
        }
      }
    }
  }

  static std::string missing(const FieldDescriptor* field) {
    if (is_message(field)) {
      const OneofDescriptor* choice = choice_of(field->message_type());
      return choice == nullptr ? "required, but missing"
                               : absl::StrCat("required, but missing; choose one of ",
                                              enumerate(member_names(choice), "or"));
    }
    if (field->is_repeated()) return "required, but missing; expected at least one element";
    return absl::StrCat("required, but missing; expected ", expected_scalar(field));
  }

  const CheckOptions& options_;
  Origins& origins_;
  Diagnostics& diagnostics_;
};

}  // namespace

void bind(const Value& tree, const CheckOptions& options, Message& message, Origins& origins,
          Diagnostics& diagnostics) {
  Binder(options, origins, diagnostics).bind_message(tree, message, "");
}

}  // namespace composer
