#include "composer/config/chosen_item.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"

namespace composer {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;

absl::StatusOr<std::unique_ptr<Message>> unpack(const Any& any) {
  std::string name;
  if (!Any::ParseAnyTypeUrl(any.type_url(), &name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", any.type_url(),
                     "\" names no type; write \"type.googleapis.com/\" and a message's full name"));
  }
  // Messages of plugins are here too, from the moment their library is loaded.
  const Descriptor* type =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  if (type == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the type ", name, " is in no library that is linked or loaded; load it with --plugin"));
  }
  std::unique_ptr<Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!message->ParseFromString(any.value())) {
    return absl::InvalidArgumentError(absl::StrCat("the bytes are no complete ", name));
  }
  return message;
}

}  // namespace

absl::StatusOr<ChosenItem> chosen_item(const Message& holder) {
  const Descriptor* type = holder.GetDescriptor();
  CHECK_EQ(type->real_oneof_decl_count(), 1) << type->full_name();
  const OneofDescriptor* oneof = type->oneof_decl(0);
  const FieldDescriptor* field = holder.GetReflection()->GetOneofFieldDescriptor(holder, oneof);
  if (field == nullptr) {
    std::vector<std::string> members;
    for (int i = 0; i < oneof->field_count(); ++i) members.push_back(oneof->field(i)->name());
    return absl::InvalidArgumentError(absl::StrCat(
        "no ", oneof->name(), " is chosen; write one of ", absl::StrJoin(members, ", ")));
  }
  ChosenItem item;
  item.field = field->name();
  item.message = &holder.GetReflection()->GetMessage(holder, field);
  if (field->message_type() == Any::descriptor()) {
    absl::StatusOr<std::unique_ptr<Message>> unpacked =
        unpack(static_cast<const Any&>(*item.message));
    if (!unpacked.ok()) return in_field(item.field, unpacked.status());
    item.unpacked = *std::move(unpacked);
    item.message = item.unpacked.get();
  }
  return item;
}

}  // namespace composer
