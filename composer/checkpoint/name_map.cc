#include "composer/checkpoint/name_map.h"

#include <algorithm>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"

namespace composer {
namespace {

// std::regex matches by recursion.
constexpr size_t kMaxName = 1000;

std::string rule_field(size_t index) { return absl::StrCat("rename[", index, "].pattern"); }

bool matches(const std::regex& regex, const std::string& name) {
  return std::regex_search(name, regex);
}

}  // namespace

absl::StatusOr<RenameRule> parse_rename_rule(absl::string_view text) {
  const size_t arrow = text.find("=>");
  if (arrow == absl::string_view::npos || arrow == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(json_quote(text), " is no rule for names; expected PATTERN=>REPLACEMENT"));
  }
  return RenameRule{std::string(text.substr(0, arrow)), std::string(text.substr(arrow + 2))};
}

absl::StatusOr<NameMap::Pattern> NameMap::compile(const std::string& text) {
  if (text.size() > kMaxName) {
    return absl::InvalidArgumentError(
        absl::StrCat("a pattern of ", text.size(), " bytes; at most ", kMaxName, " are possible"));
  }
  try {
    return Pattern{text, std::regex(text)};
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(json_quote(text), " is no regular expression: ", error.what()));
  }
}

absl::StatusOr<std::vector<NameMap::Pattern>> NameMap::compile(
    absl::string_view field, const std::vector<std::string>& texts) {
  std::vector<Pattern> patterns;
  for (const std::string& text : texts) {
    absl::StatusOr<Pattern> pattern = compile(text);
    if (!pattern.ok()) {
      return in_field(absl::StrCat(field, "[", patterns.size(), "]"), pattern.status());
    }
    patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

absl::StatusOr<NameMap> NameMap::create(const NameMapOptions& options) {
  NameMap map;
  for (const RenameRule& rule : options.rename) {
    absl::StatusOr<Pattern> pattern = compile(rule.pattern);
    if (!pattern.ok()) return in_field(rule_field(map.rename_.size()), pattern.status());
    map.rename_.emplace_back(*std::move(pattern), rule.replacement);
  }
  COMPOSER_ASSIGN_OR_RETURN(map.only_, compile("only", options.only));
  COMPOSER_ASSIGN_OR_RETURN(map.skip_, compile("skip", options.skip));
  return map;
}

bool NameMap::takes(const std::string& name) const {
  const auto found = [&name](const Pattern& pattern) { return matches(pattern.regex, name); };
  return (only_.empty() || std::any_of(only_.begin(), only_.end(), found)) &&
         std::none_of(skip_.begin(), skip_.end(), found);
}

absl::StatusOr<std::vector<std::optional<std::string>>> NameMap::apply(
    const std::vector<std::string>& names) const {
  std::vector<bool> used(rename_.size());
  std::vector<std::string> renamed;
  for (std::string name : names) {
    const bool looked_at = !rename_.empty() || !only_.empty() || !skip_.empty();
    if (looked_at && name.size() > kMaxName) {
      return absl::InvalidArgumentError(
          absl::StrCat("a name of ", name.size(), " bytes cannot be matched with patterns"));
    }
    for (size_t i = 0; i < rename_.size(); ++i) {
      const auto& [pattern, replacement] = rename_[i];
      if (!matches(pattern.regex, name)) continue;
      used[i] = true;
      name = std::regex_replace(name, pattern.regex, replacement);
      if (name.size() > kMaxName) {
        return field_error(rule_field(i), absl::StrCat(json_quote(pattern.text),
                                                       " makes a name of ", name.size(), " bytes"));
      }
    }
    renamed.push_back(std::move(name));
  }
  const auto unused = [&](const std::string& field, const std::string& pattern) {
    return field_error(
        field, absl::StrCat(
                   json_quote(pattern), " matches none of the ", names.size(), " names",
                   renamed.empty() ? "" : absl::StrCat(", such as ", json_quote(renamed.front()))));
  };
  for (size_t i = 0; i < rename_.size(); ++i) {
    if (!used[i]) return unused(rule_field(i), rename_[i].first.text);
  }
  for (const auto& [field, patterns] : {std::pair("only", &only_), std::pair("skip", &skip_)}) {
    for (size_t i = 0; i < patterns->size(); ++i) {
      const Pattern& pattern = (*patterns)[i];
      if (std::none_of(renamed.begin(), renamed.end(),
                       [&](const std::string& name) { return matches(pattern.regex, name); })) {
        return unused(absl::StrCat(field, "[", i, "]"), pattern.text);
      }
    }
  }

  std::vector<std::optional<std::string>> result(names.size());
  std::map<std::string, size_t> sources;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!takes(renamed[i])) continue;
    if (renamed[i].empty()) {
      return field_error(
          "rename", absl::StrCat("the rules leave nothing of the name ", json_quote(names[i])));
    }
    const auto [found, added] = sources.emplace(renamed[i], i);
    if (!added) {
      return field_error("rename", absl::StrCat("by the rules ", json_quote(names[found->second]),
                                                " and ", json_quote(names[i]), " are both called ",
                                                json_quote(renamed[i])));
    }
    result[i] = std::move(renamed[i]);
  }
  return result;
}

}  // namespace composer
