#pragma once

#include <memory>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace composer {

/// A message of this type that passes the checks of its own fields, as far as numbers and enums go:
/// what is required has a value.
std::unique_ptr<google::protobuf::Message> example_message(
    const google::protobuf::Descriptor* type);

}  // namespace composer
