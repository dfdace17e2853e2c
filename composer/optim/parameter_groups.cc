#include "composer/optim/parameter_groups.h"

#include <regex>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/status.h"

namespace composer {
namespace {

std::string field(size_t rule) { return absl::StrCat("groups[", rule, "].pattern"); }

absl::StatusOr<std::vector<std::regex>> compile(const std::vector<GroupRule>& rules) {
  std::vector<std::regex> patterns;
  for (size_t i = 0; i < rules.size(); ++i) {
    try {
      patterns.emplace_back(rules[i].pattern);
    } catch (const std::regex_error& error) {
      return field_error(field(i), absl::StrCat("\"", rules[i].pattern,
                                                "\" is no regular expression: ", error.what()));
    }
  }
  return patterns;
}

// Why `rule` has no parameter: what would be right depends on whether an earlier rule took them.
absl::Status no_match(size_t rule, const GroupRule& settings, const std::regex& pattern,
                      const std::vector<ParameterGroup>& groups) {
  std::vector<std::string> names;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (const NamedParameter& parameter : groups[i].parameters) {
      if (std::regex_search(parameter.name, pattern)) {
        return field_error(field(rule), absl::StrCat("every parameter that \"", settings.pattern,
                                                     "\" finds, such as \"", parameter.name,
                                                     "\", is in an earlier group already"));
      }
      if (names.size() < 20) names.push_back(parameter.name);
    }
  }
  return field_error(field(rule),
                     absl::StrCat("\"", settings.pattern, "\" finds no parameter; the names are ",
                                  absl::StrJoin(names, ", "), names.size() == 20 ? ", ..." : ""));
}

}  // namespace

ParameterGroup single_group(std::vector<NamedParameter> parameters, double lr,
                            double weight_decay) {
  ParameterGroup group{.parameters = {}, .lr = lr, .initial_lr = lr, .weight_decay = weight_decay};
  std::unordered_set<const void*> seen;
  for (NamedParameter& parameter : parameters) {
    const bool first = seen.insert(parameter.tensor.unsafeGetTensorImpl()).second;
    if (first) group.parameters.push_back(std::move(parameter));
  }
  return group;
}

absl::StatusOr<std::vector<ParameterGroup>> group_by_name(std::vector<NamedParameter> parameters,
                                                          const std::vector<GroupRule>& rules,
                                                          double lr, double weight_decay) {
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::regex> patterns, compile(rules));
  std::vector<ParameterGroup> groups;
  for (const GroupRule& rule : rules) {
    groups.push_back(
        single_group({}, rule.lr.value_or(lr), rule.weight_decay.value_or(weight_decay)));
    groups.back().pattern = rule.pattern;
  }
  groups.push_back(single_group({}, lr, weight_decay));
  for (NamedParameter& parameter :
       single_group(std::move(parameters), lr, weight_decay).parameters) {
    size_t rule = 0;
    while (rule < patterns.size() && !std::regex_search(parameter.name, patterns[rule])) ++rule;
    groups[rule].parameters.push_back(std::move(parameter));
  }
  bool any = false;
  for (const ParameterGroup& group : groups) any = any || !group.parameters.empty();
  for (size_t i = 0; any && i < rules.size(); ++i) {
    if (groups[i].parameters.empty()) return no_match(i, rules[i], patterns[i], groups);
  }
  if (groups.back().parameters.empty() && groups.size() > 1) groups.pop_back();
  return groups;
}

StateDict learning_rates(const std::vector<ParameterGroup>& groups) {
  StateDict state;
  for (size_t i = 0; i < groups.size(); ++i) {
    StateDict group;
    group.set("lr", groups[i].lr);
    group.set("initial_lr", groups[i].initial_lr);
    state.set(absl::StrCat(i), std::move(group));
  }
  return state;
}

absl::Status load_learning_rates(const StateDict& state, std::vector<ParameterGroup>& groups) {
  std::vector<double> rates;
  for (size_t i = 0; i < groups.size(); ++i) {
    rates.push_back(groups[i].lr);
    const auto saved = state.children().find(absl::StrCat(i));
    if (saved == state.children().end()) continue;
    COMPOSER_ASSIGN_OR_RETURN(const double lr, saved->second.number("lr"));
    COMPOSER_ASSIGN_OR_RETURN(const double initial_lr, saved->second.number("initial_lr"));
    if (initial_lr == groups[i].initial_lr) rates.back() = lr;
  }
  for (size_t i = 0; i < groups.size(); ++i) groups[i].lr = rates[i];
  return absl::OkStatus();
}

}  // namespace composer
