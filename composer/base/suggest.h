#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace composer {

/// The number of insertions, deletions, replacements and swaps of neighbours that make `a` into
/// `b`. Capitals count as small letters and '-' as '_'.
int edit_distance(absl::string_view a, absl::string_view b);

/// The candidate nearest to `name`, if it is near enough to be meant (about a third of the letters
/// may be wrong); empty otherwise. The first of several equally near ones.
std::string nearest(absl::string_view name, const std::vector<std::string>& candidates);

/// `did you mean "smoothing"?` for the nearest candidate, otherwise `known are a, b and c`.
std::string suggestion(absl::string_view name, const std::vector<std::string>& candidates);

/// The path in the same folder that is nearest to one that does not exist; empty when none is near.
std::string nearest_path(const std::string& path);

/// "a", "a or b", "a, b or c" with `conjunction` before the last.
std::string enumerate(const std::vector<std::string>& items, absl::string_view conjunction);

}  // namespace composer
