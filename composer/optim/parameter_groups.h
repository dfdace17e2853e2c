#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/optimizer.h"

namespace composer {

/// Settings for the parameters whose names `pattern` finds; what is unset is the optimizer's.
struct GroupRule {
  /// A regular expression (ECMAScript) that is searched for in names such as "fc1.bias".
  std::string pattern;
  std::optional<double> lr;
  std::optional<double> weight_decay;
};

/// One group of all `parameters`. A tensor under several names (tied weights) counts once, under
/// the first, as in PyTorch.
ParameterGroup single_group(std::vector<NamedParameter> parameters, double lr, double weight_decay);

/// One group for each rule, in order, then the parameters that no rule finds, with `lr` and
/// `weight_decay`; that last group is left out when there are none. The first rule that finds a
/// name has it. A field_error, such as at "groups[1].pattern", when a pattern is invalid or is left
/// with no parameter. With no parameters at all only the patterns themselves are checked.
absl::StatusOr<std::vector<ParameterGroup>> group_by_name(std::vector<NamedParameter> parameters,
                                                          const std::vector<GroupRule>& rules,
                                                          double lr, double weight_decay);

/// The groups' present and initial learning rates, for an optimizer's state_dict.
StateDict learning_rates(const std::vector<ParameterGroup>& groups);

/// Sets the learning rates that `learning_rates` gave. A group whose initial learning rate is not
/// the saved one was configured anew and keeps its own.
absl::Status load_learning_rates(const StateDict& state, std::vector<ParameterGroup>& groups);

/// The rules of a config's `repeated ParameterGroup groups`.
template <typename ConfigGroups>
std::vector<GroupRule> group_rules(const ConfigGroups& groups) {
  std::vector<GroupRule> rules;
  for (const auto& group : groups) {
    GroupRule& rule = rules.emplace_back();
    rule.pattern = group.pattern();
    if (group.has_lr()) rule.lr = group.lr();
    if (group.has_weight_decay()) rule.weight_decay = group.weight_decay();
  }
  return rules;
}

}  // namespace composer
