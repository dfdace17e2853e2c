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

/// How an optimizer's parameters become groups.
struct Grouping {
  std::vector<GroupRule> rules = {};
  /// Parameters of at most one dimension (biases, scales and shifts of norms) do not decay, but for
  /// those that a rule with a weight decay of its own finds.
  bool no_decay_on_bias_and_norm = false;
};

/// One group of all `parameters`. A tensor under several names (tied weights) counts once, under
/// the first, as in PyTorch.
ParameterGroup single_group(std::vector<NamedParameter> parameters, double lr, double weight_decay);

/// One group for each rule, in order, then the parameters that no rule finds, with `lr` and
/// `weight_decay`; a group's parameters that `no_decay_on_bias_and_norm` is about are a group of
/// their own after it. Groups without parameters are left out. A field_error, such as at
/// "groups[1].pattern", when a pattern is invalid, finds nothing, or finds what another one finds.
/// With no parameters at all only the patterns themselves are checked.
absl::StatusOr<std::vector<ParameterGroup>> group_by_name(std::vector<NamedParameter> parameters,
                                                          const Grouping& grouping, double lr,
                                                          double weight_decay);

/// What a group holds: `"bias$": 12 tensors, 1210 values, lr 0.1, weight decay 0`.
std::string description(const ParameterGroup& group);

/// The groups' present and initial learning rates, for an optimizer's state_dict.
StateDict learning_rates(const std::vector<ParameterGroup>& groups);

/// Sets the learning rates that `learning_rates` gave. A group whose initial learning rate is not
/// the saved one was configured anew and keeps its own.
absl::Status load_learning_rates(const StateDict& state, std::vector<ParameterGroup>& groups);

/// The grouping of an optimizer's config: its `groups` and `no_decay_on_bias_and_norm`.
template <typename Config>
Grouping grouping_of(const Config& config) {
  Grouping grouping;
  for (const auto& group : config.groups()) {
    GroupRule& rule = grouping.rules.emplace_back();
    rule.pattern = group.pattern();
    if (group.has_lr()) rule.lr = group.lr();
    if (group.has_weight_decay()) rule.weight_decay = group.weight_decay();
  }
  grouping.no_decay_on_bias_and_norm = config.no_decay_on_bias_and_norm();
  return grouping;
}

}  // namespace composer
