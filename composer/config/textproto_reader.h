#pragma once

#include <memory>
#include <string>

#include "absl/types/optional.h"
#include "composer/config/diagnostics.h"
#include "composer/config/value.h"

namespace composer {

/// Reads a whole text in protobuf's text format into a tree. Everything that TextFormat takes is
/// taken; in addition a field's name may carry a plus (`algorithms+ { ... }`), which appends to
/// the list of an included file. A syntax error is added to `diagnostics` and ends the reading:
/// what was read before it is returned, with the open messages marked incomplete.
Value read_textproto(const std::string& text, std::shared_ptr<const Source> source,
                     Diagnostics& diagnostics);

/// Reads the value of a `path=value` argument from byte `offset` of it. Beside textproto, JSON's
/// quoted names and null, and `name { ... }` for `{ name { ... } }` in a list are understood. With
/// `message` the braces around the fields of a message may be left out. nullopt after an error.
absl::optional<Value> read_fragment(const std::string& argument, size_t offset, bool message,
                                    std::shared_ptr<const Source> source, Diagnostics& diagnostics);

}  // namespace composer
