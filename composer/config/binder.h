#pragma once

#include "composer/config/checks.h"
#include "composer/config/diagnostics.h"
#include "composer/config/origins.h"
#include "composer/config/value.h"
#include "google/protobuf/message.h"

namespace composer {

/// Sets `message` to what a normalised tree (normalise.h) says, and makes the checks of the schema:
/// values that do not fit or are out of range, fields that are required and missing, choices where
/// nothing is chosen. All errors are added to `diagnostics`, and the origin of every value to
/// `origins`. Defaults are checked too where a path must exist.
void bind(const Value& tree, const CheckOptions& options, google::protobuf::Message& message,
          Origins& origins, Diagnostics& diagnostics);

}  // namespace composer
