#include "composer/cli/config_changes.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace composer {
namespace {

constexpr char kOption[] = "--allow-config-change=";

bool covers(const std::string& allowed, const std::string& path) {
  if (!absl::StartsWith(path, allowed)) return false;
  return path.size() == allowed.size() || path[allowed.size()] == '.' ||
         path[allowed.size()] == '[';
}

std::string table(const std::vector<FieldDifference>& differences) {
  size_t path_width = 5, first_width = 4;
  for (const FieldDifference& difference : differences) {
    path_width = std::max(path_width, difference.path.size());
    // A long message moves no other line.
    if (difference.first.size() <= 40) {
      first_width = std::max(first_width, difference.first.size());
    }
  }
  std::string text;
  const auto add = [&](const std::string& path, const std::string& then, const std::string& now) {
    absl::StrAppendFormat(&text, "  %-*s  %-*s  %s\n", path_width, path, first_width, then, now);
  };
  add("field", "then", "now");
  for (const auto& [path, then, now] : differences) add(path, then, now);
  return text;
}

std::string paths(const std::vector<FieldDifference>& differences, absl::string_view prefix,
                  absl::string_view separator) {
  return absl::StrJoin(differences, separator,
                       [&](std::string* out, const FieldDifference& difference) {
                         absl::StrAppend(out, prefix, difference.path);
                       });
}

}  // namespace

absl::StatusOr<std::vector<FieldDifference>> check_config_changes(
    const config::Run& then, const config::Run& now, const std::vector<std::string>& allowed) {
  std::vector<FieldDifference> differences = stateful_differences(then, now);
  for (const std::string& field : allowed) {
    const bool used = std::any_of(
        differences.begin(), differences.end(),
        [&](const FieldDifference& difference) { return covers(field, difference.path); });
    if (used) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        kOption, field, ": ", field, " did not change; ",
        differences.empty() ? "nothing did" : "these did: " + paths(differences, "", ", ")));
  }
  std::vector<FieldDifference> refused;
  std::copy_if(differences.begin(), differences.end(), std::back_inserter(refused),
               [&](const FieldDifference& difference) {
                 return std::none_of(allowed.begin(), allowed.end(), [&](const std::string& field) {
                   return covers(field, difference.path);
                 });
               });
  if (refused.empty()) return differences;
  return absl::InvalidArgumentError(absl::StrCat(
      "the config is not the one that this run was begun with:\n", table(refused),
      "a resumed run is the same as one that was never stopped only with the same config; to go on "
      "with the new one, add ",
      paths(refused, kOption, " ")));
}

}  // namespace composer
