#include "composer/optim/parameter_groups.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"

namespace composer {
namespace {

std::vector<NamedParameter> parameters() {
  return {{"fc1.weight", at::ones({2, 3})},
          {"fc1.bias", at::ones({2})},
          {"norm.weight", at::ones({2})},
          {"norm.bias", at::ones({2})}};
}

std::vector<std::string> names(const ParameterGroup& group) {
  std::vector<std::string> result;
  for (const NamedParameter& parameter : group.parameters) result.push_back(parameter.name);
  return result;
}

using Names = std::vector<std::string>;

TEST(ParameterGroupsTest, RulesTakeWhatTheyFindAndTheRestIsAGroup) {
  const auto groups =
      group_by_name(parameters(), {.rules = {{"bias$", {}, 0.0}, {"^norm.w", 0.5, {}}}}, 0.1, 0.01);
  ASSERT_TRUE(groups.ok()) << groups.status();
  ASSERT_EQ(groups->size(), 3u);
  EXPECT_EQ(names((*groups)[0]), (Names{"fc1.bias", "norm.bias"}));
  EXPECT_EQ(names((*groups)[1]), Names{"norm.weight"});
  EXPECT_EQ(names((*groups)[2]), Names{"fc1.weight"});
  EXPECT_EQ((*groups)[0].lr, 0.1);
  EXPECT_EQ((*groups)[0].weight_decay, 0.0);
  EXPECT_EQ((*groups)[1].lr, 0.5);
  EXPECT_EQ((*groups)[1].initial_lr, 0.5);
  EXPECT_EQ((*groups)[1].weight_decay, 0.01);
  EXPECT_EQ((*groups)[2].lr, 0.1);
  EXPECT_EQ((*groups)[1].pattern, "^norm.w");
  EXPECT_EQ((*groups)[2].pattern, "");
}

TEST(ParameterGroupsTest, NoGroupIsMadeOfNothing) {
  const auto groups = group_by_name(parameters(), {.rules = {{".", {}, {}}}}, 0.1, 0);
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(groups->size(), 1u);
}

TEST(ParameterGroupsTest, BiasesAndNormsDoNotDecayByOneSwitch) {
  const auto groups = group_by_name(
      parameters(), {.rules = {{"fc1", 0.5, {}}}, .no_decay_on_bias_and_norm = true}, 0.1, 0.01);
  ASSERT_TRUE(groups.ok());
  ASSERT_EQ(groups->size(), 3u);
  EXPECT_EQ(names((*groups)[0]), Names{"fc1.weight"});
  EXPECT_EQ((*groups)[0].weight_decay, 0.01);
  EXPECT_EQ(names((*groups)[1]), Names{"fc1.bias"});
  EXPECT_EQ((*groups)[1].weight_decay, 0);
  EXPECT_EQ((*groups)[1].lr, 0.5);
  EXPECT_EQ((*groups)[1].pattern, "fc1");
  EXPECT_EQ(names((*groups)[2]), (Names{"norm.weight", "norm.bias"}));
  EXPECT_EQ((*groups)[2].weight_decay, 0);

  // A rule's own weight decay counts.
  const auto own = group_by_name(
      parameters(), {.rules = {{"bias", {}, 0.3}}, .no_decay_on_bias_and_norm = true}, 0.1, 0.01);
  ASSERT_TRUE(own.ok());
  ASSERT_EQ(own->size(), 3u);
  EXPECT_EQ((*own)[0].weight_decay, 0.3);

  // Where nothing decays there is nothing to set apart.
  EXPECT_EQ(group_by_name(parameters(), {.no_decay_on_bias_and_norm = true}, 0.1, 0)->size(), 1u);
}

TEST(ParameterGroupsTest, APatternWithoutParametersIsAnErrorOfItsField) {
  const auto refusal = [](std::vector<GroupRule> rules) {
    const auto groups = group_by_name(parameters(), {.rules = rules}, 0.1, 0);
    EXPECT_FALSE(groups.ok());
    return field_of(groups.status()) + ": " + std::string(groups.status().message());
  };
  EXPECT_EQ(refusal({{"bias", {}, {}}, {"fc2", {}, {}}}),
            "groups[1].pattern: \"fc2\" finds no parameter; the names are fc1.weight, fc1.bias, "
            "norm.weight, norm.bias");
  EXPECT_EQ(refusal({{"bias", {}, {}}, {"fc1.bias", {}, {}}}),
            "groups[1].pattern: \"fc1.bias\" finds \"fc1.bias\", which \"bias\" "
            "(groups[0].pattern) finds too; a parameter belongs to one group");
  EXPECT_EQ(refusal({{"(", {}, {}}}).substr(0, 49),
            "groups[0].pattern: \"(\" is no regular expression: ");
}

TEST(ParameterGroupsTest, WithoutParametersOnlyThePatternsAreChecked) {
  EXPECT_TRUE(group_by_name({}, {.rules = {{"fc2", {}, {}}}}, 0.1, 0).ok());
  EXPECT_FALSE(group_by_name({}, {.rules = {{"[", {}, {}}}}, 0.1, 0).ok());
}

TEST(ParameterGroupsTest, AGroupSaysWhatItHolds) {
  const auto groups = group_by_name(parameters(), {.rules = {{"fc1.w", 0.5, {}}}}, 0.1, 0.01);
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(description((*groups)[0]), "\"fc1.w\": 1 tensor, 6 values, lr 0.5, weight decay 0.01");
  EXPECT_EQ(description((*groups)[1]), "the rest: 3 tensors, 6 values, lr 0.1, weight decay 0.01");
}

}  // namespace
}  // namespace composer
