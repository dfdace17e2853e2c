#include "composer/cli/example_message.h"

#include <cstdint>

#include "proto/options.pb.h"

namespace composer {
namespace {

using google::protobuf::FieldDescriptor;

// A number that the check allows.
double allowed_number(const config::Check& check) {
  if (check.has_min()) return check.min();
  if (check.has_max()) return check.max();
  if (check.has_above() && check.has_below()) return (check.above() + check.below()) / 2;
  if (check.has_above()) return check.above() + 1;
  return check.has_below() ? check.below() - 1 : 1;
}

}  // namespace

std::unique_ptr<google::protobuf::Message> example_message(
    const google::protobuf::Descriptor* type) {
  auto* factory = google::protobuf::MessageFactory::generated_factory();
  std::unique_ptr<google::protobuf::Message> message(factory->GetPrototype(type)->New());
  const auto* reflection = message->GetReflection();
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    const config::Check& check = field->options().GetExtension(config::check);
    if (!check.required() || field->is_repeated()) continue;
    const double number = allowed_number(check);
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT64:
        reflection->SetInt64(message.get(), field, static_cast<int64_t>(number));
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        reflection->SetDouble(message.get(), field, number);
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        reflection->SetEnum(message.get(), field, field->default_value_enum());
        break;
      default:
        break;
    }
  }
  return message;
}

}  // namespace composer
