#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "google/protobuf/message.h"

namespace composer {

/// What a config chooses of one kind: the member that is set of a oneof such as
/// `Dataset { fashion_mnist {} }`.
struct ChosenItem {
  /// The member's name, "fashion_mnist": the part of the field path to put in front of errors.
  std::string field;
  /// The item's own message. Lives as long as the holder, or as `unpacked`.
  const google::protobuf::Message* message = nullptr;
  /// Set when the member was a google.protobuf.Any.
  std::unique_ptr<google::protobuf::Message> unpacked;
};

/// The chosen item of `holder`, a message with one oneof of messages; an Any is unpacked into the
/// type that it names. InvalidArgument when no member is set (lists the members), when the Any's
/// type is in no linked or loaded library, or when its bytes are no message of that type.
absl::StatusOr<ChosenItem> chosen_item(const google::protobuf::Message& holder);

}  // namespace composer
