#pragma once

#include "composer/config/value.h"
#include "google/protobuf/descriptor.h"

namespace composer {

/// Lays the normalised tree `over` on `base`, both of message type `type`: scalars replace,
/// messages are merged field by field, lists replace, or append when they are marked so, another
/// member of a oneof and another type of an Any replace the former, null takes the value of `base`
/// away.
void merge(const google::protobuf::Descriptor* type, Value over, Value& base);

/// Removes the other members of the field's oneof, if it is in one, from a normalised message.
void unset_siblings(const google::protobuf::FieldDescriptor* field, Value& message);

}  // namespace composer
