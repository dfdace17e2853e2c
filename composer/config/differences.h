#pragma once

#include <string>
#include <vector>

#include "google/protobuf/message.h"

namespace composer {

/// A field in which two configs differ, with both values as text ("unset" where there is none).
struct FieldDifference {
  std::string path;
  std::string first;
  std::string second;
};

/// The stateful fields (proto/options.proto) in which two messages of one type differ, in the order
/// of the schema. An unset field and one set to its default are equal. A field that is not stateful
/// is left out with all that is below it. Two members of one oneof are one difference, with the
/// member's name in its text.
std::vector<FieldDifference> stateful_differences(const google::protobuf::Message& first,
                                                  const google::protobuf::Message& second);

}  // namespace composer
