#pragma once

#include <string>

#include "composer/config/load_config.h"
#include "google/protobuf/message.h"

namespace composer {

/// The config as textproto with all values that apply, the defaults included; what is unset and has
/// no default (or is derived) is left out. Values that were set, and chosen items, have their
/// origin in a comment at the end of the line. Reads back, here and with TextFormat, to a config
/// whose `canonical_text` is the same.
std::string print_resolved(const ResolvedConfig& config);

/// The same of any message without the comments. Equal for two messages in which the same values
/// apply: an unset field and one that is set to its default do not differ.
std::string canonical_text(const google::protobuf::Message& message);

}  // namespace composer
