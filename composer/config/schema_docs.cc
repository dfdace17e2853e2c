#include "composer/config/schema_docs.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/base/logging.h"
#include "composer/config/checks.h"
#include "composer/config/embedded_schema.h"
#include "composer/config/schema.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.pb.h"
#include "google/protobuf/descriptor_database.h"
#include "google/protobuf/dynamic_message.h"
#include "google/protobuf/text_format.h"

namespace composer {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileDescriptorSet;
using google::protobuf::MessageFactory;
using google::protobuf::TextFormat;

// Lines of one paragraph become one line.
std::string unwrap(const std::string& comment) {
  std::string text;
  bool paragraph = true;
  for (absl::string_view line : absl::StrSplit(absl::StripAsciiWhitespace(comment), '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) {
      if (!paragraph) absl::StrAppend(&text, "\n");
      paragraph = true;
      continue;
    }
    absl::StrAppend(&text, paragraph ? "" : " ", line);
    paragraph = false;
  }
  return text;
}

// The schema a second time, from the embedded files: descriptors in the generated pool have no
// comments.
class CommentedSchema {
 public:
  CommentedSchema() : pool_(&database_) {
    FileDescriptorSet files;
    const absl::string_view bytes = embedded_schema();
    CHECK(files.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    // What the schema imports from protobuf itself.
    google::protobuf::Any::descriptor()->file()->CopyTo(files.add_file());
    FileDescriptorProto::descriptor()->file()->CopyTo(files.add_file());
    for (const FileDescriptorProto& file : files.file()) CHECK(database_.Add(file)) << file.name();
  }

  // nullptr for a type that is not in the schema.
  const Descriptor* find(const Descriptor* type) const {
    return pool_.FindMessageTypeByName(type->full_name());
  }

 private:
  google::protobuf::SimpleDescriptorDatabase database_;
  const google::protobuf::DescriptorPool pool_;
};

template <typename AnyDescriptor>
std::string comment_of(const AnyDescriptor* descriptor) {
  google::protobuf::SourceLocation location;
  if (descriptor == nullptr || !descriptor->GetSourceLocation(&location)) return "";
  return unwrap(location.leading_comments);
}

std::string type_text(const FieldDescriptor* field) {
  const std::string element = is_message(field)               ? field->message_type()->name()
                              : field->enum_type() != nullptr ? field->enum_type()->name()
                                                              : std::string(field->type_name());
  return field->is_repeated() ? absl::StrCat("list of ", element) : element;
}

std::string default_text(const FieldDescriptor* field) {
  if (!field->has_default_value()) return "";
  std::string text;
  TextFormat::PrintFieldValueToString(
      *MessageFactory::generated_factory()->GetPrototype(field->containing_type()), field, -1,
      &text);
  return text;
}

// `commented` is the same field with comments; nullptr when there are none.
FieldDoc describe_field(const FieldDescriptor* field, const FieldDescriptor* commented) {
  FieldDoc doc;
  doc.name = field->name();
  doc.type = type_text(field);
  doc.default_value = default_text(field);
  doc.checks = describe_checks(field);
  doc.kind = field->options().GetExtension(config::kind);
  if (field->real_containing_oneof() != nullptr) doc.oneof = field->real_containing_oneof()->name();
  if (const EnumDescriptor* type = field->enum_type()) {
    for (int i = 0; i < type->value_count(); ++i) {
      const auto* value = commented == nullptr ? nullptr : commented->enum_type()->value(i);
      doc.values.push_back({type->value(i)->name(), comment_of(value)});
    }
  }
  doc.comment = comment_of(commented);
  return doc;
}

}  // namespace

MessageDoc describe_message(const Descriptor* type) {
  const CommentedSchema schema;
  const Descriptor* commented = schema.find(type);
  MessageDoc doc;
  doc.name = type->name();
  doc.full_name = type->full_name();
  doc.comment = comment_of(commented);
  for (int i = 0; i < type->field_count(); ++i) {
    doc.fields.push_back(
        describe_field(type->field(i), commented == nullptr ? nullptr : commented->field(i)));
  }
  return doc;
}

}  // namespace composer
