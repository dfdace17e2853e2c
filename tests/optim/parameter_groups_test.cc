#include "composer/optim/parameter_groups.h"

#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"

namespace composer {
namespace {

std::vector<NamedParameter> parameters() {
  std::vector<NamedParameter> result;
  for (const char* name : {"fc1.weight", "fc1.bias", "norm.weight", "norm.bias"}) {
    result.push_back({name, at::ones({1})});
  }
  return result;
}

std::vector<std::string> names(const ParameterGroup& group) {
  std::vector<std::string> result;
  for (const NamedParameter& parameter : group.parameters) result.push_back(parameter.name);
  return result;
}

using Names = std::vector<std::string>;

TEST(ParameterGroupsTest, TheFirstRuleThatFindsANameHasIt) {
  const auto groups =
      group_by_name(parameters(), {{"bias$", {}, 0.0}, {"^norm", 0.5, {}}}, 0.1, 0.01);
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
  EXPECT_EQ((*groups)[1].pattern, "^norm");
  EXPECT_EQ((*groups)[2].pattern, "");
}

TEST(ParameterGroupsTest, NoGroupIsMadeOfNothing) {
  const auto groups = group_by_name(parameters(), {{".", {}, {}}}, 0.1, 0);
  ASSERT_TRUE(groups.ok());
  EXPECT_EQ(groups->size(), 1u);
}

TEST(ParameterGroupsTest, APatternWithoutParametersIsAnErrorOfItsField) {
  const auto refusal = [](std::vector<GroupRule> rules) {
    const auto groups = group_by_name(parameters(), rules, 0.1, 0);
    EXPECT_FALSE(groups.ok());
    return field_of(groups.status()) + ": " + std::string(groups.status().message());
  };
  EXPECT_EQ(refusal({{"bias", {}, {}}, {"fc2", {}, {}}}),
            "groups[1].pattern: \"fc2\" finds no parameter; the names are fc1.bias, norm.bias, "
            "fc1.weight, norm.weight");
  EXPECT_EQ(refusal({{"bias", {}, {}}, {"fc1.bias", {}, {}}}),
            "groups[1].pattern: every parameter that \"fc1.bias\" finds, such as \"fc1.bias\", is "
            "in an earlier group already");
  EXPECT_EQ(refusal({{"(", {}, {}}}).substr(0, 49),
            "groups[0].pattern: \"(\" is no regular expression: ");
}

TEST(ParameterGroupsTest, WithoutParametersOnlyThePatternsAreChecked) {
  EXPECT_TRUE(group_by_name({}, {{"fc2", {}, {}}}, 0.1, 0).ok());
  EXPECT_FALSE(group_by_name({}, {{"[", {}, {}}}, 0.1, 0).ok());
}

}  // namespace
}  // namespace composer
