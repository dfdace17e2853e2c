#include "composer/config/diagnostics.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace composer {

std::string join_path(absl::string_view prefix, absl::string_view field) {
  if (prefix.empty()) return std::string(field);
  return absl::StrCat(prefix, field.empty() || field[0] == '[' ? "" : ".", field);
}

std::string format_diagnostic(const Location& location, absl::string_view path,
                              absl::string_view message) {
  std::string text = location.to_string();
  for (absl::string_view part : {path, message}) {
    if (!part.empty()) absl::StrAppend(&text, text.empty() ? "" : ": ", part);
  }
  return text;
}

void Diagnostics::add(const Location& location, absl::string_view path, absl::string_view message) {
  entries_.push_back({location, format_diagnostic(location, path, message)});
}

absl::Status Diagnostics::to_status() const {
  if (entries_.empty()) return absl::OkStatus();
  std::vector<Entry> sorted = entries_;
  const auto position = [](const Entry& entry) {
    const Location& location = entry.location;
    return std::make_tuple(location.source == nullptr ? 0 : location.source->order, location.line,
                           location.column);
  };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Entry& a, const Entry& b) { return position(a) < position(b); });
  // A file that is included twice has its errors twice.
  std::set<std::string> seen;
  std::string text;
  for (const Entry& entry : sorted) {
    if (seen.insert(entry.text).second) absl::StrAppend(&text, entry.text, "\n");
  }
  absl::StrAppend(&text, seen.size(), seen.size() == 1 ? " error" : " errors");
  return absl::InvalidArgumentError(text);
}

}  // namespace composer
