#include "composer/checkpoint/name_map.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "composer/base/status.h"

namespace composer {
namespace {

using Names = std::vector<std::string>;

// The names that come out, left out ones as "-"; or the error.
Names apply(const NameMapOptions& options, const Names& names) {
  const auto map = NameMap::create(options);
  if (!map.ok()) return {std::string(map.status().message())};
  const auto result = map->apply(names);
  if (!result.ok()) return {std::string(result.status().message())};
  Names applied;
  for (const auto& name : *result) applied.push_back(name.value_or("-"));
  return applied;
}

TEST(NameMapTest, RulesApplyInOrderEachToWhatTheLastMade) {
  EXPECT_EQ(apply({.rename = {{"^module\\.", ""}, {"\\.gamma$", ".weight"}, {"^0\\.", "first."}}},
                  {"module.0.gamma", "module.1.bias", "module.10.gamma"}),
            (Names{"first.weight", "1.bias", "10.weight"}));
  EXPECT_EQ(apply({.rename = {{"layer(\\d+)", "blocks.$1"}}}, {"layer3.w", "layer12.w"}),
            (Names{"blocks.3.w", "blocks.12.w"}));
  EXPECT_EQ(apply({}, {"b", "a"}), (Names{"b", "a"}));
}

TEST(NameMapTest, PatternsChooseByTheNewNames) {
  EXPECT_EQ(apply({.rename = {{"^encoder\\.", "body."}}, .only = {"^body\\.", "bias$"}},
                  {"encoder.w", "head.w", "head.bias"}),
            (Names{"body.w", "-", "head.bias"}));
  EXPECT_EQ(apply({.skip = {"^head\\."}}, {"body.w", "head.w"}), (Names{"body.w", "-"}));
  const auto map = NameMap::create({.only = {"^a"}, .skip = {"b$"}});
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_TRUE(map->takes("a"));
  EXPECT_FALSE(map->takes("ab"));
  EXPECT_FALSE(map->takes("c"));
}

TEST(NameMapTest, MistakesAreSaid) {
  const auto error = [](const NameMapOptions& options, const Names& names) {
    const Names result = apply(options, names);
    return result.empty() ? "" : result[0];
  };
  EXPECT_EQ(error({.rename = {{"[0-9]+", ""}}}, {"a.1", "a.2"}),
            "by the rules \"a.1\" and \"a.2\" are both called \"a.\"");
  EXPECT_EQ(error({.rename = {{".*", ""}}}, {"a"}), "the rules leave nothing of the name \"a\"");
  EXPECT_EQ(error({.rename = {{"^modul\\.", ""}}}, {"module.a", "module.b"}),
            "\"^modul\\\\.\" matches none of the 2 names, such as \"module.a\"");
  EXPECT_EQ(error({.only = {"x"}}, {"a"}), "\"x\" matches none of the 1 names, such as \"a\"");
  EXPECT_TRUE(absl::StrContains(error({.skip = {"("}}, {"a"}), "\"(\" is no regular expression"));
  EXPECT_TRUE(absl::StrContains(error({.only = {"a"}}, {std::string(2000, 'a')}), "2000 bytes"));
  EXPECT_TRUE(absl::StrContains(
      error({.rename = {{"a", std::string(100, 'b')}}}, {std::string(900, 'a')}), "makes a name"));
}

TEST(NameMapTest, MistakesCarryTheirFields) {
  const auto field = [](const NameMapOptions& options, const Names& names) {
    const auto map = NameMap::create(options);
    return field_of(map.ok() ? map->apply(names).status() : map.status());
  };
  EXPECT_EQ(field({.rename = {{"a", "a"}, {"(", ""}}}, {"a"}), "rename[1].pattern");
  EXPECT_EQ(field({.rename = {{"a", "a"}, {"b", ""}}}, {"a"}), "rename[1].pattern");
  EXPECT_EQ(field({.only = {"a", "b"}}, {"a"}), "only[1]");
  EXPECT_EQ(field({.skip = {"[z-a]"}}, {"a"}), "skip[0]");
  EXPECT_EQ(field({.rename = {{".", ""}}}, {"a"}), "rename");
  EXPECT_EQ(field({.only = {"a"}}, {"a"}), "");
}

TEST(NameMapTest, ReadsRules) {
  const auto rule = parse_rename_rule("^a=>b=>c");
  ASSERT_TRUE(rule.ok()) << rule.status();
  EXPECT_EQ(rule->pattern, "^a");
  EXPECT_EQ(rule->replacement, "b=>c");
  EXPECT_EQ(parse_rename_rule("a=>")->replacement, "");
  EXPECT_EQ(parse_rename_rule("a=b").status().message(),
            "\"a=b\" is no rule for names; expected PATTERN=>REPLACEMENT");
  EXPECT_FALSE(parse_rename_rule("=>b").ok());
}

}  // namespace
}  // namespace composer
