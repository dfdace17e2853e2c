#include "composer/data/formats/json_lines.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "tests/data/formats/golden_tables.h"

namespace composer {
namespace {

using nlohmann::json;

void expect_damaged(const std::string& line, const std::string& message) {
  // Behind a first line of three bytes.
  const std::string text = "{}\n" + line;
  const absl::Status status = parse_json_line(text, 3, "a.jsonl").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), "a.jsonl: line 2, byte ")) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), message)) << status << " lacks " << message;
}

TEST(JsonLinesTest, FindsTheLinesThatAreNotBlank) {
  const std::string text = "\xef\xbb\xbf{\"a\": 1}\r\n\n  \r\n\t{}\n{}";
  const std::vector<int64_t> offsets = json_line_offsets(text);
  EXPECT_EQ(offsets, (std::vector<int64_t>{3, 18, 22}));
  EXPECT_EQ(line_at(text, 3), "{\"a\": 1}");
  EXPECT_EQ(line_at(text, 18), "\t{}");
  EXPECT_EQ(line_at(text, 22), "{}");
  for (const char* empty : {"", "\n", " \r\n\n", "\xef\xbb\xbf"}) {
    EXPECT_TRUE(json_line_offsets(empty).empty());
    EXPECT_EQ(next_json_line(empty, 0), static_cast<int64_t>(std::string(empty).size()));
  }
}

TEST(JsonLinesTest, WalksTheSameLinesWithoutAnIndex) {
  const std::string text = read_bytes(golden_table("records.jsonl"));
  std::vector<int64_t> walked;
  int64_t position = 0;
  while ((position = next_json_line(text, position)) < static_cast<int64_t>(text.size())) {
    walked.push_back(position);
    position += static_cast<int64_t>(line_at(text, position).size()) + 1;
  }
  EXPECT_EQ(walked.size(), 3u);
  EXPECT_EQ(walked, json_line_offsets(text));
}

TEST(JsonLinesTest, ReadsValuesOfEveryKind) {
  const std::string text =
      R"({"n": null, "b": [true, false], "i": -3, "u": 18446744073709551615, "f": 1.5e3,)"
      R"( "s": "\u00e9\n\ud83d\ude42", "o": {"a": {"b": [[], {}]}, "c": 1}, "": 0})";
  const auto object = parse_json_line(text, 0, "a.jsonl");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(*object, json::parse(text));
}

TEST(JsonLinesTest, RefusesWhatIsNoObject) {
  expect_damaged("[1]", "byte 3: expected an object, found array");
  expect_damaged("3", "byte 3: expected an object, found number");
}

TEST(JsonLinesTest, NamesTheByteOfASyntaxError) {
  expect_damaged("{\"a\" 1}", "byte 8: syntax error");
  expect_damaged("{} {}", "byte 6: syntax error");
  expect_damaged("{\"a\": 1", "unexpected end of input");
  expect_damaged("{\"a\": NaN}", "invalid literal");
}

TEST(JsonLinesTest, RefusesInvalidUtf8WithoutRepeatingIt) {
  expect_damaged("{\"a\": \"" + std::string(5000, 'x') + "\xff\"}", "ill-formed UTF-8");
  const auto status =
      parse_json_line("{\"a\": \"" + std::string(5000, 'x') + "\xff\"}", 0, "a").status();
  EXPECT_LT(status.message().size(), 300u);
}

TEST(JsonLinesTest, RefusesNumbersBeyondADouble) { expect_damaged("{\"a\": 1e999}", "1e999"); }

TEST(JsonLinesTest, RefusesAKeyThatComesTwice) {
  expect_damaged("{\"a\": 1, \"a\": 2}", "the key \"a\" comes twice");
  const auto apart = parse_json_line(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]})", 0, "a");
  EXPECT_TRUE(apart.ok()) << apart.status();
}

TEST(JsonLinesTest, LimitsTheDepth) {
  const auto nested = [](int depth) {
    return "{\"a\": " + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(parse_json_line(nested(64), 0, "a").ok());
  expect_damaged(nested(65), "more than 64 deep");
  expect_damaged(nested(1'000'000), "more than 64 deep");
}

TEST(JsonLinesTest, ReadsAWholeTextAsOneObject) {
  const auto object = parse_json_object("\xef\xbb\xbf{\n\"a\": [1,\n2]}\n", "a.json");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(*object, json::parse("{\"a\": [1, 2]}"));
  EXPECT_TRUE(absl::StartsWith(parse_json_object("{\n\"a\" 1}", "a.json").status().message(),
                               "a.json: line 2, byte 6: syntax error"));
  EXPECT_FALSE(parse_json_object("", "a.json").ok());
}

}  // namespace
}  // namespace composer
