#include "composer/config/print.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
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
using google::protobuf::Reflection;
using google::protobuf::TextFormat;

// A comment that would begin further right does not move those of other lines.
constexpr size_t kWidestColumn = 64;

struct Line {
  std::string text;
  std::string origin;
};

// Characters, not bytes.
size_t width(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](unsigned char byte) { return (byte & 0xc0) != 0x80; });
}

class Printer {
 public:
  explicit Printer(const Origins* origins) : origins_(origins) {
    values_.SetUseUtf8StringEscaping(true);
  }

  void print_message(const Message& message, const std::string& path) {
    if (is_any(message.GetDescriptor())) {
      if (const std::unique_ptr<Message> content = unpack_any(message)) {
        open(absl::StrCat("[type.googleapis.com/", content->GetDescriptor()->full_name(), "]"), "");
        print_message(*content, path);
        close();
        return;
      }
    }
    const Descriptor* type = message.GetDescriptor();
    std::vector<const FieldDescriptor*> fields;
    for (int i = 0; i < type->field_count(); ++i) fields.push_back(type->field(i));
    std::vector<const FieldDescriptor*> set;
    message.GetReflection()->ListFields(message, &set);
    std::copy_if(set.begin(), set.end(), std::back_inserter(fields),
                 [](const FieldDescriptor* field) { return field->is_extension(); });
    for (const FieldDescriptor* field : fields) {
      print_field(message, field, join_path(path, key_of(field)));
    }
  }

  std::string text() const {
    size_t column = 0;
    for (const Line& line : lines_) {
      if (!line.origin.empty() && width(line.text) + 2 <= kWidestColumn) {
        column = std::max(column, width(line.text) + 2);
      }
    }
    std::string result;
    for (const Line& line : lines_) {
      absl::StrAppend(&result, line.text);
      if (!line.origin.empty()) {
        const size_t space = width(line.text) + 2 < column ? column - width(line.text) : 2;
        absl::StrAppend(&result, std::string(space, ' '), "# ", line.origin);
      }
      absl::StrAppend(&result, "\n");
    }
    return result;
  }

 private:
  void print_field(const Message& message, const FieldDescriptor* field, const std::string& path) {
    const Reflection* reflection = message.GetReflection();
    if (field->is_repeated()) {
      for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
        const std::string item_path = absl::StrCat(path, "[", i, "]");
        if (is_message(field)) {
          print_nested(reflection->GetRepeatedMessage(message, field, i), field, item_path);
        } else {
          print_value(message, field, i, item_path);
        }
      }
      return;
    }
    const bool set = field->has_presence() && reflection->HasField(message, field);
    if (is_message(field)) {
      if (set) print_nested(reflection->GetMessage(message, field), field, path);
      return;
    }
    const bool derived = field->options().GetExtension(config::kind) == config::DERIVED;
    if (set || !field->has_presence() || (field->has_default_value() && !derived)) {
      print_value(message, field, -1, path);
    }
  }

  void print_nested(const Message& message, const FieldDescriptor* field, const std::string& path) {
    const bool chosen = field->real_containing_oneof() != nullptr;
    open(key_of(field), chosen ? origin(path) : "");
    print_message(message, path);
    close();
  }

  void print_value(const Message& message, const FieldDescriptor* field, int index,
                   const std::string& path) {
    std::string value;
    values_.PrintFieldValueToString(message, field, index, &value);
    lines_.push_back({absl::StrCat(indent(), key_of(field), ": ", value), origin(path)});
  }

  std::string origin(const std::string& path) const {
    const Location* location = origins_ == nullptr ? nullptr : origins_->find(path);
    if (location == nullptr) return "";
    return absl::StrReplaceAll(location->origin(), {{"\n", "\\n"}, {"\r", "\\r"}});
  }

  void open(const std::string& name, std::string origin) {
    lines_.push_back({absl::StrCat(indent(), name, " {"), std::move(origin)});
    ++depth_;
  }

  void close() {
    --depth_;
    lines_.push_back({indent() + "}", ""});
  }

  std::string indent() const { return std::string(2 * depth_, ' '); }

  const Origins* const origins_;
  TextFormat::Printer values_;
  std::vector<Line> lines_;
  int depth_ = 0;
};

}  // namespace

std::string print_resolved(const ResolvedConfig& config) {
  Printer printer(&config.origins);
  printer.print_message(config.run, "");
  return printer.text();
}

std::string canonical_text(const Message& message) {
  Printer printer(nullptr);
  printer.print_message(message, "");
  return printer.text();
}

}  // namespace composer
