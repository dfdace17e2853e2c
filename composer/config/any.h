#pragma once

#include <memory>

#include "google/protobuf/message.h"

namespace composer {

/// The message inside a google.protobuf.Any; nullptr when its type is not loaded or its bytes are
/// not of that type.
std::unique_ptr<google::protobuf::Message> unpack_any(const google::protobuf::Message& any);

/// Puts `content` into a google.protobuf.Any; the same content always gives the same bytes.
void pack_any(const google::protobuf::Message& content, google::protobuf::Message& any);

}  // namespace composer
