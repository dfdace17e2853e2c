#include "composer/checkpoint/safetensors_index.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace composer {
namespace {

TEST(SafetensorsIndexTest, SaysWhichFileHasWhat) {
  const auto index = parse_safetensors_index(R"({
    "metadata": {"total_size": 2.4e1, "more": [null, true, -0.5, {"a": []}, "\u00e9"]},
    "weight_map": {"a": "1.safetensors", "b.c": "2.safetensors"}, "empty": {}})");
  ASSERT_TRUE(index.ok()) << index.status();
  EXPECT_EQ(index->files,
            (std::map<std::string, std::string>{{"a", "1.safetensors"}, {"b.c", "2.safetensors"}}));
}

TEST(SafetensorsIndexTest, RefusesWhatIsNoIndex) {
  const auto error = [](absl::string_view json) {
    const absl::Status status = parse_safetensors_index(json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << json;
    return std::string(status.message());
  };
  EXPECT_TRUE(absl::StrContains(error("{}"), "weight_map"));
  EXPECT_TRUE(absl::StrContains(error(R"({"weight_map": {"a": "../x"}})"), "beside the index"));
  EXPECT_TRUE(absl::StrContains(error(R"({"weight_map": {"a": "/etc/x"}})"), "beside the index"));
  EXPECT_TRUE(absl::StrContains(error(R"({"weight_map": {"a": ".."}})"), "beside the index"));
  EXPECT_TRUE(absl::StrContains(error(R"({"weight_map": {"a": "1", "a": "2"}})"), "comes twice"));
  EXPECT_TRUE(absl::StrContains(error(R"({"weight_map": {}, "weight_map": {}})"), "comes twice"));
  EXPECT_TRUE(absl::StrContains(error(std::string(50, '[')), "expected"));
  EXPECT_TRUE(absl::StrContains(error("{\"x\":" + std::string(50, '[')), "nested too deep"));
  for (const char* const value : {"01", "1.", "-", "1e", "nul", "", "[1,]", "{\"a\"}", "+1"}) {
    error(std::string("{\"x\": ") + value + ", \"weight_map\": {}}");
  }
}

}  // namespace
}  // namespace composer
