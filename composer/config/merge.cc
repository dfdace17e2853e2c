#include "composer/config/merge.h"

#include <utility>

#include "absl/strings/match.h"
#include "composer/config/schema.h"

namespace composer {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::OneofDescriptor;

void merge_list(Value over, Value& base) {
  if (!over.append || base.kind != Value::Kind::kList) {
    base = std::move(over);
    return;
  }
  base.incomplete = base.incomplete || over.incomplete;
  for (Value& item : over.items) base.items.push_back(std::move(item));
}

// The type of the message that an entry holds; nullptr when it holds none.
const Descriptor* entry_type(const Descriptor* type, const ValueEntry& entry) {
  if (is_any(type) && absl::StartsWith(entry.key, "[")) return find_any_type(entry.key);
  const FieldDescriptor* field = find_field(type, entry.key, false);
  return is_message(field) && !field->is_repeated() ? field->message_type() : nullptr;
}

}  // namespace

void merge(const Descriptor* type, Value over, Value& base) {
  base.incomplete = base.incomplete || over.incomplete;
  base.location = over.location;
  for (ValueEntry& entry : over.entries) {
    if (entry.value.is_scalar(Value::ScalarKind::kNull)) {
      base.erase(entry.key);
      continue;
    }
    if (is_any(type)) {
      if (base.find(entry.key) == nullptr) base.entries.clear();
    } else {
      unset_siblings(find_field(type, entry.key, false), base);
    }
    Value* below = base.find(entry.key);
    if (below == nullptr) {
      base.entries.push_back(std::move(entry));
    } else if (entry.value.kind == Value::Kind::kList) {
      merge_list(std::move(entry.value), *below);
    } else if (entry.value.kind == Value::Kind::kMap && below->kind == Value::Kind::kMap) {
      merge(entry_type(type, entry), std::move(entry.value), *below);
    } else {
      base.erase(entry.key);
      base.entries.push_back(std::move(entry));
    }
  }
}

void unset_siblings(const FieldDescriptor* field, Value& message) {
  const OneofDescriptor* oneof = field->real_containing_oneof();
  for (int i = 0; oneof != nullptr && i < oneof->field_count(); ++i) {
    if (oneof->field(i) != field) message.erase(key_of(oneof->field(i)));
  }
}

}  // namespace composer
