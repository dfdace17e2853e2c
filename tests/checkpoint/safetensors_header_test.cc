#include "composer/checkpoint/safetensors_header.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace composer {
namespace {

std::string error(absl::string_view json, uint64_t data_size = 8) {
  const auto header = parse_safetensors_header(json, data_size);
  if (header.ok()) return "none";
  EXPECT_EQ(header.status().code(), absl::StatusCode::kDataLoss);
  return std::string(header.status().message());
}

// One tensor "a" with these fields.
std::string one(absl::string_view fields) { return absl::StrCat("{\"a\":{", fields, "}}"); }

TEST(SafetensorsHeaderTest, ReadsEntriesInTheOrderOfTheirBytes) {
  const auto header = parse_safetensors_header(
      R"({"b":{"data_offsets":[4,16],"shape":[3],"dtype":"F32"},
          "__metadata__":{"format":"pt","epoch":"3"},
          "\u00e9\ud83d\ude00\n":{"dtype":"U8","shape":[ 2,2 ],"data_offsets":[0,4]},
          "none":{"dtype":"F64","shape":[0,5],"data_offsets":[4,4]}}   )",
      16);
  ASSERT_TRUE(header.ok()) << header.status();
  ASSERT_EQ(header->entries.size(), 3u);
  EXPECT_EQ(header->entries[0].name, "é😀\n");
  EXPECT_EQ(header->entries[1].name, "none");
  EXPECT_EQ(header->entries[2].name, "b");
  EXPECT_EQ(header->entries[0].shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(header->entries[2].begin, 4u);
  ASSERT_EQ(header->metadata.size(), 2u);
  EXPECT_EQ(header->metadata[1], (std::pair<std::string, std::string>("epoch", "3")));
  EXPECT_TRUE(parse_safetensors_header("{}", 0).ok());
  EXPECT_TRUE(parse_safetensors_header(R"({"__metadata__":{}})", 0).ok());
}

TEST(SafetensorsHeaderTest, WhatIsWrongIsSaid) {
  const std::string good = R"("dtype":"F32","shape":[2],"data_offsets":[0,8])";
  ASSERT_EQ(error(one(good)), "none");
  const std::vector<std::vector<std::string>> cases = {
      {"", "expected \"{\""},
      {" {}", "expected \"{\""},
      {"[1]", "expected \"{\""},
      {"{", "expected"},
      {one(good) + "x", "more after"},
      {"{\"a\":{" + good + "},}", "expected"},
      {"{\"a\":{" + good + "},\"a\":{" + good + "}}", "\"a\" comes twice"},
      {"{\"\\u0061\":{" + good + "},\"a\":{" + good + "}}", "\"a\" comes twice"},
      {one(good + ",\"dtype\":\"F32\""), "its dtype twice"},
      {one(good + ",\"color\":\"red\""), "not \"color\""},
      {one(R"("dtype":"F32","shape":[2])"), "must have dtype, shape and data_offsets"},
      {"{\"a\":{}}", "expected"},
      {one(R"("dtype":"F31","shape":[2],"data_offsets":[0,8])"), "\"F31\" cannot be read"},
      {one(R"("dtype":"F4","shape":[16],"data_offsets":[0,8])"), "\"F4\" cannot be read"},
      {one(R"("dtype":7,"shape":[2],"data_offsets":[0,8])"), "expected"},
      {one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), "whole number"},
      {one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), "expected"},
      {one(R"("dtype":"F32","shape":[02],"data_offsets":[0,8])"), "whole number"},
      {one(R"("dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8])"), "too large"},
      {one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
       "shape is too large"},
      {one(R"("dtype":"F32","shape":[0,9223372036854775807,9],"data_offsets":[0,0])"),
       "shape is too large"},
      {one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), "needs 12 bytes"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), "needs 8 bytes"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[8,16])"), "begin at 8"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"), "more than 2"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0])"), "two numbers"},
      {one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])"), "4 bytes, but 8 follow"},
      {R"({"a":{"dtype":"U8","shape":[5],"data_offsets":[0,5]},)"
       R"("b":{"dtype":"U8","shape":[5],"data_offsets":[3,8]}})",
       "begin at 3"},
      {R"({"__metadata__":{"a":1}})", "expected"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", "twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", "twice"},
      {"{\"a\n\":{" + good + "}}", "control character"},
      {"{\"\\x\":{" + good + "}}", "unknown escape"},
      {"{\"\\ud800\":{" + good + "}}", "surrogate"},
      {"{\"\\ud800\\u0041\":{" + good + "}}", "surrogate"},
      {"{\"\\u12g4\":{" + good + "}}", "hexadecimal"},
      {"{\"\xff\":{" + good + "}}", "UTF-8"},
      {"{\"\xc0\x80\":{" + good + "}}", "UTF-8"},
      {"{\"\xed\xa0\x80\":{" + good + "}}", "UTF-8"},
      {"{\"a", "does not end"},
  };
  for (const auto& test : cases) {
    EXPECT_NE(error(test[0]).find(test[1]), std::string::npos) << test[0] << "\n" << error(test[0]);
  }
  std::string ones = "1";
  for (int i = 0; i < 100; ++i) ones += ",1";
  EXPECT_NE(
      error(one("\"dtype\":\"F64\",\"shape\":[" + ones + "],\"data_offsets\":[0,8]")).find("64"),
      std::string::npos);
}

TEST(SafetensorsHeaderTest, WritesWhatItReads) {
  SafetensorsHeader header;
  header.metadata = {{"a \"quoted\" key", "line\nline\x01"}};
  header.entries = {{"b", "U8", {3}, 0, 0}, {"a", "F32", {2, 2}, 0, 0}, {"c", "F32", {}, 0, 0}};
  lay_out(header.entries);
  EXPECT_EQ(header.entries[0].name, "a");
  EXPECT_EQ(header.entries[2].begin, 20u);
  const std::string json = format_safetensors_header(header);
  EXPECT_EQ(json.size() % 8, 0u);
  const auto back = parse_safetensors_header(json, 23);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->metadata, header.metadata);
  EXPECT_EQ(format_safetensors_header(*back), json);
}

// What a parsed header promises to the code that reads the tensors.
void expect_sound(const SafetensorsHeader& header, uint64_t data_size) {
  uint64_t position = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    uint64_t bytes = safetensors_element_size(entry.dtype);
    ASSERT_GT(bytes, 0u);
    for (const int64_t size : entry.shape) bytes *= size;
    ASSERT_EQ(entry.begin, position);
    ASSERT_EQ(entry.end - entry.begin, bytes);
    position = entry.end;
  }
  ASSERT_EQ(position, data_size);
}

TEST(SafetensorsHeaderTest, MutatedHeadersAreRefusedOrSound) {
  std::ifstream file("tests/golden/checkpoint/dtypes.safetensors", std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  const std::string all = bytes.str();
  const size_t length = static_cast<unsigned char>(all[0]) | static_cast<unsigned char>(all[1])
                                                                 << 8;
  const std::string header = all.substr(8, length);
  const uint64_t data_size = all.size() - 8 - length;
  ASSERT_TRUE(parse_safetensors_header(header, data_size).ok());

  std::mt19937 random(1);
  int refused = 0;
  constexpr int kTries = 20000;
  for (int i = 0; i < kTries; ++i) {
    std::string mutated = header;
    for (unsigned edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % mutated.size();
      switch (random() % 4) {
        case 0:
          mutated[at] = static_cast<char>(random());
          break;
        case 1:
          mutated[at] = "{}[]\",:0123456789\\u"[random() % 19];
          break;
        case 2:
          mutated.erase(at, 1 + random() % 8);
          break;
        default:
          mutated.insert(at, mutated.substr(random() % mutated.size(), random() % 40));
      }
      if (mutated.empty()) mutated = "{";
    }
    const auto parsed = parse_safetensors_header(mutated, data_size);
    if (parsed.ok()) {
      expect_sound(*parsed, data_size);
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, kTries / 2);
}

}  // namespace
}  // namespace composer
