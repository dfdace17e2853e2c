#pragma once

#include <string>

#include "absl/status/status.h"
#include "composer/config/value.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace composer {

/// Sets a scalar field to what `value` says, or adds it to a repeated field. What is taken depends
/// on the format that it is written in, and is at least what protobuf's own parser of that format
/// takes: octal and hexadecimal integers in textproto, quoted numbers in JSON, 1e3 for an integer
/// in YAML, JSON and on the command line, where a string also needs no quotes. A field with
/// `check.auto_or_int` takes the bare word and number everywhere.
/// InvalidArgument says what was expected and what was found.
/// REQUIRES: `value` is a scalar and not null, `field` is of no message type.
absl::Status set_scalar(const Value& value, const google::protobuf::FieldDescriptor* field,
                        google::protobuf::Message& message);

/// "a whole number from 0 to 4294967295", "true or false", "one of NORM, VALUE or ADAPTIVE".
std::string expected_scalar(const google::protobuf::FieldDescriptor* field);

}  // namespace composer
