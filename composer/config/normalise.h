#pragma once

#include "absl/strings/string_view.h"
#include "composer/config/diagnostics.h"
#include "composer/config/value.h"
#include "google/protobuf/descriptor.h"

namespace composer {

/// Fits a tree that a reader made to a message type, so that trees of all formats can be merged
/// and bound alike:
///  - keys are the names of fields (schema.h, key_of), each at most once, members of one oneof at
///    most one;
///  - a repeated field is a list, however often and in whatever form it was written;
///  - a message is a map. A bare name in place of a message that is a choice (config.Algorithm)
///    becomes the map that chooses it; so does null as the choice in YAML;
///  - an Any is a map with the single key "[full.Name]";
///  - a map field is a list of maps with key and value.
/// Scalars stay as they were read; whether they fit is for the binder to say. Names that do not
/// exist, fields that are set twice, several members of a oneof, and values of the wrong shape are
/// added to `diagnostics` with paths below `path`, and left out of the result, whose map is then
/// marked incomplete; an element of a list leaves null, so that the indices stay.
Value normalise(const google::protobuf::Descriptor* type, Value tree, absl::string_view path,
                Diagnostics& diagnostics);

/// The same for the value of one field; `element` is true when it is an element of a repeated
/// field, not the whole list. False after an error without which nothing is left.
bool normalise_field(const google::protobuf::FieldDescriptor* field, bool element, Value& value,
                     absl::string_view path, Diagnostics& diagnostics);

/// What to say about `name`, which is no field of `type`: the nearest name, where in a run's config
/// it would be right, or the names there are.
std::string unknown_field(const google::protobuf::Descriptor* type, absl::string_view name);

}  // namespace composer
