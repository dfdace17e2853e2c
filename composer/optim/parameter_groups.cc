#include "composer/optim/parameter_groups.h"

#include <regex>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

absl::Status no_match(size_t rule, const GroupRule& settings,
                      const std::vector<NamedParameter>& parameters) {
  std::vector<std::string> names;
  for (const NamedParameter& parameter : parameters) {
    if (names.size() < 20) names.push_back(parameter.name);
  }
  return field_error(field(rule),
                     absl::StrCat("\"", settings.pattern, "\" finds no parameter; the names are ",
                                  absl::StrJoin(names, ", "), names.size() == 20 ? ", ..." : ""));
}

// The rule that finds `name`, `rules.size()` when none does.
absl::StatusOr<size_t> rule_for(const std::string& name, const std::vector<GroupRule>& rules,
                                const std::vector<std::regex>& patterns) {
  size_t found = rules.size();
  for (size_t i = 0; i < rules.size(); ++i) {
    if (!std::regex_search(name, patterns[i])) continue;
    if (found < rules.size()) {
      return field_error(field(i),
                         absl::StrCat("\"", rules[i].pattern, "\" finds \"", name, "\", which \"",
                                      rules[found].pattern, "\" (", field(found),
                                      ") finds too; a parameter belongs "
                                      "to one group"));
    }
    found = i;
  }
  return found;
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
                                                          const Grouping& grouping, double lr,
                                                          double weight_decay) {
  const std::vector<GroupRule>& rules = grouping.rules;
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::regex> patterns, compile(rules));
  parameters = single_group(std::move(parameters), lr, weight_decay).parameters;
  // For each rule, and then for the rest: what decays, what does not.
  std::vector<ParameterGroup> groups;
  for (const GroupRule& rule : rules) {
    ParameterGroup group =
        single_group({}, rule.lr.value_or(lr), rule.weight_decay.value_or(weight_decay));
    group.pattern = rule.pattern;
    groups.insert(groups.end(), 2, group);
  }
  groups.insert(groups.end(), 2, single_group({}, lr, weight_decay));
  for (size_t i = 1; i < groups.size(); i += 2) groups[i].weight_decay = 0;

  std::vector<bool> found(rules.size() + 1);
  for (NamedParameter& parameter : parameters) {
    COMPOSER_ASSIGN_OR_RETURN(const size_t rule, rule_for(parameter.name, rules, patterns));
    found[rule] = true;
    const bool own_decay = rule < rules.size() && rules[rule].weight_decay.has_value();
    const bool spared = grouping.no_decay_on_bias_and_norm && parameter.tensor.dim() <= 1 &&
                        !own_decay && groups[2 * rule].weight_decay != 0;
    groups[2 * rule + (spared ? 1 : 0)].parameters.push_back(parameter);
  }
  for (size_t i = 0; i < rules.size() && !parameters.empty(); ++i) {
    if (!found[i]) return no_match(i, rules[i], parameters);
  }
  std::vector<ParameterGroup> kept;
  for (size_t i = 0; i < groups.size(); ++i) {
    const bool settings_only = parameters.empty() && i % 2 == 0;
    if (settings_only || !groups[i].parameters.empty()) kept.push_back(std::move(groups[i]));
  }
  return kept;
}

std::string description(const ParameterGroup& group) {
  int64_t values = 0;
  for (const NamedParameter& parameter : group.parameters) values += parameter.tensor.numel();
  const size_t tensors = group.parameters.size();
  return absl::StrFormat(
      "%s: %d %s, %d %s, lr %g, weight decay %g",
      group.pattern.empty() ? "the rest" : absl::StrCat("\"", group.pattern, "\""), tensors,
      tensors == 1 ? "tensor" : "tensors", values, values == 1 ? "value" : "values", group.lr,
      group.weight_decay);
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
