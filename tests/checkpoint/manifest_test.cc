#include "composer/checkpoint/manifest.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "composer/checkpoint/sha256.h"

namespace composer {
namespace {

Manifest example() {
  return {.time = {.iteration = 1,
                   .epoch = 2,
                   .batch = 137,
                   .sample = 17536,
                   .token = 9'007'199'254'740'993,
                   .total_wct = absl::Nanoseconds(1'234'567'890)},
          .metrics = {{"metrics/eval/accuracy", 0.1},
                      {"loss/\"train\"\n", -2.5e-300},
                      {"zero", -0.0},
                      {"lost", std::nan("")}},
          .files = {{"model.safetensors", 5, sha256_of("model")}, {"état.pb", 0, sha256_of("")}}};
}

std::string error(const std::string& text) {
  const auto manifest = parse_manifest(text);
  if (manifest.ok()) return "none";
  EXPECT_EQ(manifest.status().code(), absl::StatusCode::kDataLoss);
  return std::string(manifest.status().message());
}

TEST(Sha256Test, GivesTheStandardsExamples) {
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Sha256 hash;
  for (int i = 0; i < 1'000'000; ++i) hash.update("a", 1);
  EXPECT_EQ(hash.finish(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(ManifestTest, ReadsBackWhatItWrote) {
  const auto text = format_manifest(example());
  ASSERT_TRUE(text.ok()) << text.status();
  const auto read = parse_manifest(*text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->time, example().time);
  EXPECT_EQ(read->metrics.size(), 3u);
  EXPECT_EQ(read->metrics.at("metrics/eval/accuracy"), 0.1);
  EXPECT_EQ(read->metrics.at("loss/\"train\"\n"), -2.5e-300);
  EXPECT_TRUE(std::signbit(read->metrics.at("zero")));
  ASSERT_EQ(read->files.size(), 2u);
  EXPECT_EQ(read->files[0].name, "model.safetensors");
  EXPECT_EQ(read->files[0].size, 5u);
  EXPECT_EQ(read->files[1].name, "état.pb");
  EXPECT_EQ(read->files[1].sha256, sha256_of(""));
  const auto empty = format_manifest({});
  ASSERT_TRUE(empty.ok());
  EXPECT_TRUE(parse_manifest(*empty).ok());
}

TEST(ManifestTest, NoByteMayDiffer) {
  const std::string text = *format_manifest(example());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] ^= 1;
    EXPECT_NE(error(changed), "none") << i;
    EXPECT_NE(error(text.substr(0, i)), "none") << i;
    EXPECT_NE(error(text.substr(0, i) + " " + text.substr(i)), "none") << i;
  }
  EXPECT_EQ(error(text + "\n"), "it is not as it was written: its checksum does not hold");
}

TEST(ManifestTest, WhatIsWrongIsSaid) {
  const std::string text = *format_manifest(example());
  const std::vector<std::vector<std::string>> cases = {
      {"\"version\": 1", "\"version\": 2", "version 2 of the format, this program reads 1"},
      {"composer checkpoint", "x", "it is no checkpoint's manifest"},
      {"\"batch\"", "\"botch\"", "expected the field \"batch\""},
      {"\"size\": 5", "\"size\": -5", "expected a whole number"},
      {"\"size\": 5", "\"size\": 5.5", "expected \",\""},
      {": 0.1", ": 00.1", "expected a number"},
      {": 0.1", ": .1", "expected a number"},
      {": 0.1", ": 1.", "expected a number"},
      {": 0.1", ": inf", "expected a number"},
      {": 0.1", ": 1e999", "expected a number"},
      {"\"zero\"", "\"metrics/eval/accuracy\"", "a metric comes twice"},
      {"état.pb", "model.safetensors", "the file model.safetensors comes twice"},
      {"état.pb", "../a", "\"../a\" can be no file of a checkpoint"},
      {"137", "138", "its checksum does not hold"},
  };
  for (const auto& one : cases) {
    const std::string message = error(absl::StrReplaceAll(text, {{one[0], one[1]}}));
    EXPECT_TRUE(absl::StrContains(message, one[2]))
        << one[0] << " -> " << one[1] << ": " << message;
  }
  EXPECT_TRUE(absl::StrContains(error(""), "at byte 0 of the manifest"));
}

TEST(ManifestTest, RefusesToWriteWhatItCouldNotRead) {
  EXPECT_FALSE(format_manifest({.time = {.batch = -1}}).ok());
  EXPECT_FALSE(format_manifest({.metrics = {{"\xff", 1.0}}}).ok());
  for (const std::string name : {"", ".", "..", "a/b", "manifest.json", "\xff"}) {
    EXPECT_FALSE(format_manifest({.files = {{name, 0, ""}}}).ok()) << name;
  }
  const auto large = format_manifest({.metrics = {{std::string(kMaxManifestSize, 'a'), 1.0}}});
  EXPECT_TRUE(absl::StrContains(large.status().message(), "more than the 1048576"))
      << large.status();
}

}  // namespace
}  // namespace composer
