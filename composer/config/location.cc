#include "composer/config/location.h"

#include "absl/strings/str_cat.h"

namespace composer {

std::string Location::to_string() const {
  if (source == nullptr) return "";
  if (line == 0) return source->name;
  if (source->format != ConfigFormat::kArgument) {
    return absl::StrCat(source->name, ":", line, ":", column);
  }
  return line == 1 ? absl::StrCat(source->name, ", column ", column)
                   : absl::StrCat(source->name, ", line ", line, ", column ", column);
}

std::string Location::origin() const {
  if (source == nullptr) return "";
  if (source->format != ConfigFormat::kArgument) return to_string();
  return absl::StrCat("command line: ", source->argument);
}

}  // namespace composer
