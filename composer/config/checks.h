#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace composer {

namespace config {
class Check;
}

struct CheckOptions {
  /// Whether files and folders must be there.
  bool paths = true;
};

/// Makes the checks of the schema (config.Check) on one value of a field: element `index`, or the
/// field's value or default when `index` is -1. The message says what was expected and what was
/// found. `required` is about presence and not checked here.
absl::Status check_value(const google::protobuf::Message& message,
                         const google::protobuf::FieldDescriptor* field, int index,
                         const CheckOptions& options);

/// What a string with the check `auto_or_int` may be, in words.
std::string auto_or_int_words(const config::Check& check);

/// Whether the field must be given.
bool is_required(const google::protobuf::FieldDescriptor* field);

/// The checks in words, for documentation: "required", "from 0 to 1", "a time in ep or ba".
std::vector<std::string> describe_checks(const google::protobuf::FieldDescriptor* field);

}  // namespace composer
