#pragma once

#include <memory>
#include <string>

#include "composer/config/diagnostics.h"
#include "composer/config/value.h"
#include "google/protobuf/descriptor.h"

namespace composer {

/// Applies one argument `path=value` or `path+=value` to a normalised tree of message type `type`.
///
/// The path goes through messages, members of oneofs (which replaces another member), elements of
/// lists by index (`algorithms[0].mixup.alpha=0.3`) and into the message of a plugin. `=` replaces
/// what was there, `+=` appends to a list. The value of a string field is the text as it stands,
/// or a string in quotes; a message or list is a fragment of textproto or JSON
/// (`algorithms+=mixup{alpha: 0.3}`, `model={"cnn": {}}`); null makes a field unset.
///
/// An error is added to `diagnostics` with its column in the argument, and the tree is left as it
/// was, but marked incomplete.
void apply_override(const google::protobuf::Descriptor* type,
                    const std::shared_ptr<const Source>& source, Value& tree,
                    Diagnostics& diagnostics);

}  // namespace composer
