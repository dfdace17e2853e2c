#include "composer/config/any.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/config/schema.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace composer {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;
using google::protobuf::Reflection;

std::unique_ptr<Message> unpack_any(const Message& any) {
  const Reflection* reflection = any.GetReflection();
  const Descriptor* any_type = any.GetDescriptor();
  const Descriptor* type =
      find_any_type(reflection->GetString(any, any_type->FindFieldByName("type_url")));
  if (type == nullptr) return nullptr;
  std::unique_ptr<Message> content(MessageFactory::generated_factory()->GetPrototype(type)->New());
  const std::string bytes = reflection->GetString(any, any_type->FindFieldByName("value"));
  if (!content->ParsePartialFromString(bytes)) return nullptr;
  return content;
}

void pack_any(const Message& content, Message& any) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    content.SerializePartialToCodedStream(&coded);
  }
  const Reflection* reflection = any.GetReflection();
  const Descriptor* any_type = any.GetDescriptor();
  reflection->SetString(&any, any_type->FindFieldByName("type_url"),
                        absl::StrCat("type.googleapis.com/", content.GetDescriptor()->full_name()));
  reflection->SetString(&any, any_type->FindFieldByName("value"), std::move(bytes));
}

}  // namespace composer
