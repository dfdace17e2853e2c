#include "composer/config/schema.h"

#include <queue>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "composer/config/diagnostics.h"

namespace composer {

using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

bool is_message(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
}

const OneofDescriptor* choice_of(const Descriptor* type) {
  if (type->real_oneof_decl_count() != 1) return nullptr;
  const OneofDescriptor* oneof = type->oneof_decl(0);
  bool catalogue = oneof->field_count() == type->field_count();
  for (int i = 0; i < oneof->field_count(); ++i) {
    const FieldDescriptor* member = oneof->field(i);
    catalogue = catalogue || (is_message(member) && is_any(member->message_type()));
  }
  return catalogue ? oneof : nullptr;
}

bool is_any(const Descriptor* type) { return type->full_name() == "google.protobuf.Any"; }

const Descriptor* find_any_type(absl::string_view key) {
  return DescriptorPool::generated_pool()->FindMessageTypeByName(type_name_of(key));
}

std::string type_name_of(absl::string_view key) {
  absl::ConsumePrefix(&key, "[");
  absl::ConsumeSuffix(&key, "]");
  const size_t slash = key.rfind('/');
  return std::string(slash == absl::string_view::npos ? key : key.substr(slash + 1));
}

const FieldDescriptor* find_field(const Descriptor* type, absl::string_view key, bool json_names) {
  if (absl::StartsWith(key, "[")) {
    return DescriptorPool::generated_pool()->FindExtensionByPrintableName(type, type_name_of(key));
  }
  if (const FieldDescriptor* field = type->FindFieldByName(std::string(key))) return field;
  for (int i = 0; json_names && i < type->field_count(); ++i) {
    if (type->field(i)->json_name() == key) return type->field(i);
  }
  return nullptr;
}

std::string key_of(const FieldDescriptor* field) {
  return field->is_extension() ? absl::StrCat("[", field->full_name(), "]") : field->name();
}

std::vector<std::string> field_names(const Descriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->field_count(); ++i) names.push_back(type->field(i)->name());
  return names;
}

std::vector<std::string> member_names(const OneofDescriptor* oneof) {
  std::vector<std::string> names;
  for (int i = 0; i < oneof->field_count(); ++i) names.push_back(oneof->field(i)->name());
  return names;
}

std::vector<std::string> value_names(const EnumDescriptor* type) {
  std::vector<std::string> names;
  for (int i = 0; i < type->value_count(); ++i) names.push_back(type->value(i)->name());
  return names;
}

std::string path_to_field(const Descriptor* root, absl::string_view name) {
  std::queue<std::pair<const Descriptor*, std::string>> reached;
  std::set<const Descriptor*> seen = {root};
  for (reached.push({root, ""}); !reached.empty(); reached.pop()) {
    const auto [type, path] = reached.front();
    if (type->FindFieldByName(std::string(name)) != nullptr) return join_path(path, name);
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      if (!is_message(field) || is_any(field->message_type())) continue;
      if (seen.insert(field->message_type()).second) {
        reached.push({field->message_type(), join_path(path, field->name())});
      }
    }
  }
  return "";
}

}  // namespace composer
