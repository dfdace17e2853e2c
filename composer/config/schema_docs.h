#pragma once

#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "proto/options.pb.h"

namespace composer {

/// A value of an enum.
struct ValueDoc {
  std::string name;
  std::string comment;
};

struct FieldDoc {
  std::string name;
  /// "double", "string", the name of a message or enum; "list of int64".
  std::string type;
  /// As textproto writes it; empty when there is none.
  std::string default_value;
  /// In words: "required", "from 0 to 1", "a time in ep or ba, above zero".
  std::vector<std::string> checks;
  config::FieldKind kind = config::STATEFUL;
  /// The oneof that the field is a member of; empty when in none.
  std::string oneof;
  /// Of an enum field.
  std::vector<ValueDoc> values;
  /// The comment in the schema, one line a paragraph; empty for types that a plugin brings, whose
  /// comments are not in the binary.
  std::string comment;
};

struct MessageDoc {
  std::string name;
  std::string full_name;
  std::string comment;
  /// In the order of the schema.
  std::vector<FieldDoc> fields;
};

/// What a config message is, from its descriptor and the comments of the .proto that were embedded
/// when this was built.
MessageDoc describe_message(const google::protobuf::Descriptor* type);

}  // namespace composer
