#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace composer {

/// Whether values of the field are messages (groups included).
bool is_message(const google::protobuf::FieldDescriptor* field);

/// The oneof of a message that chooses an item, such as config.Algorithm: the message is nothing
/// else, or the oneof is open to the types of plugins. nullptr for others.
const google::protobuf::OneofDescriptor* choice_of(const google::protobuf::Descriptor* type);

bool is_any(const google::protobuf::Descriptor* type);

/// The message type that "[domain/full.Name]" or "[full.Name]" names; nullptr when nothing that is
/// linked or loaded has it.
const google::protobuf::Descriptor* find_any_type(absl::string_view key);

/// The name between the brackets, without its domain.
std::string type_name_of(absl::string_view key);

/// The field that a config calls `key`: its name in the schema, protobuf JSON's lowerCamelCase name
/// when `json_names`, or an extension's "[full.name]". nullptr when there is none.
const google::protobuf::FieldDescriptor* find_field(const google::protobuf::Descriptor* type,
                                                    absl::string_view key, bool json_names);

/// The field's name in paths and in normalised trees: "smoothing", "[full.extension]".
std::string key_of(const google::protobuf::FieldDescriptor* field);

/// The names of all fields, in the order of the schema.
std::vector<std::string> field_names(const google::protobuf::Descriptor* type);
/// The names of the oneof's members, in the order of the schema.
std::vector<std::string> member_names(const google::protobuf::OneofDescriptor* oneof);
std::vector<std::string> value_names(const google::protobuf::EnumDescriptor* type);

/// Where a field of this name would be right: the shortest path from `root`, such as
/// "algorithms.label_smoothing". Empty when no message below `root` has it.
std::string path_to_field(const google::protobuf::Descriptor* root, absl::string_view name);

}  // namespace composer
