#include "composer/cli/config_changes.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "google/protobuf/text_format.h"

namespace composer {
namespace {

config::Run run_of(const std::string& text) {
  config::Run run;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &run)) << text;
  return run;
}

const config::Run& then() {
  static const auto* const kRun = new config::Run(
      run_of("run_name: 'a' max_duration: '3ep' optimizer { sgd { lr: 0.1 momentum: 0.9 } }"));
  return *kRun;
}

std::string refusal(const std::string& now, const std::vector<std::string>& allowed) {
  const auto changes = check_config_changes(then(), run_of(now), allowed);
  EXPECT_EQ(changes.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(changes.status().message());
}

TEST(ConfigChangesTest, WhatIsNotStatefulMayChange) {
  const auto changes =
      check_config_changes(then(),
                           run_of("run_name: 'b' output_dir: '/tmp' max_duration: '3ep' "
                                  "optimizer { sgd { lr: 0.1 momentum: 0.9 } }"),
                           {});
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_TRUE(changes->empty());
}

TEST(ConfigChangesTest, AChangeIsRefusedWithATableAndWhatToAdd) {
  EXPECT_EQ(refusal("max_duration: '10ep' optimizer { sgd { lr: 0.25 momentum: 0.9 } }", {}),
            "the config is not the one that this run was begun with:\n"
            "  field             then   now\n"
            "  max_duration      \"3ep\"  \"10ep\"\n"
            "  optimizer.sgd.lr  0.1    0.25\n"
            "a resumed run is the same as one that was never stopped only with the same config; to "
            "go on with the new one, add --allow-config-change=max_duration "
            "--allow-config-change=optimizer.sgd.lr");
}

TEST(ConfigChangesTest, AnAllowedFieldAllowsThoseBelowItAndNoOthers) {
  const std::string now = "max_duration: '3ep' optimizer { sgd { lr: 0.2 momentum: 0.8 } }";
  for (const std::vector<std::string>& allowed :
       {std::vector<std::string>{"optimizer"},
        std::vector<std::string>{"optimizer.sgd.lr", "optimizer.sgd.momentum"}}) {
    const auto changes = check_config_changes(then(), run_of(now), allowed);
    ASSERT_TRUE(changes.ok()) << changes.status();
    EXPECT_EQ(changes->size(), 2);
  }
  const std::string message = refusal(now, {"optimizer.sgd.lr"});
  EXPECT_TRUE(absl::StrContains(message, "optimizer.sgd.momentum")) << message;
  EXPECT_FALSE(absl::StrContains(message, "optimizer.sgd.lr")) << message;
}

TEST(ConfigChangesTest, AFieldThatDidNotChangeIsNotToBeAllowed) {
  EXPECT_EQ(refusal("max_duration: '9ep' optimizer { sgd { lr: 0.1 momentum: 0.9 } }", {"optimi"}),
            "--allow-config-change=optimi: optimi did not change; these did: max_duration");
  EXPECT_EQ(refusal("max_duration: '3ep' optimizer { sgd { lr: 0.1 momentum: 0.9 } }", {"seed"}),
            "--allow-config-change=seed: seed did not change; nothing did");
}

}  // namespace
}  // namespace composer
