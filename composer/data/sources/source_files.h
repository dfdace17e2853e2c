#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace composer {

/// A config's field "files"; an error about it when there are none.
absl::StatusOr<std::vector<std::string>> files_of(
    const google::protobuf::RepeatedPtrField<std::string>& files);

/// A dataset's name in messages: "text (bible.txt)", or "text (3 files)".
std::string name_with_files(absl::string_view kind, const std::vector<std::string>& files);

/// A part of a file for messages: in double quotes, cut to 40 bytes, what does not print as \n or
/// \xff.
std::string quote_found(absl::string_view text);

/// "; did you mean \"age\"?", or else "; known are ..." where they are few, to be put behind a
/// message about a name that is not known.
std::string hint(absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace composer
