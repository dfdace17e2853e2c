#include "composer/checkpoint/state_file.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "composer/checkpoint/safetensors.h"

namespace composer {
namespace {

std::string path_of(const std::string& name) { return ::testing::TempDir() + "/" + name; }

StateDict round_trip(const StateDict& state) {
  const std::string path = path_of("round_trip.safetensors");
  const absl::Status written = write_state_file(path, state);
  EXPECT_TRUE(written.ok()) << written;
  const absl::StatusOr<StateDict> read = read_state_file(path);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *read : StateDict();
}

TEST(StateFileTest, EveryKindOfEntryComesBackWithTheSameBits) {
  StateDict state;
  EXPECT_TRUE(round_trip(state).identical(state)) << "empty";
  for (const at::ScalarType type :
       {at::kFloat, at::kDouble, at::kHalf, at::kBFloat16, at::kLong, at::kInt, at::kByte}) {
    state.set(c10::toString(type), at::arange(6).reshape({2, 3}).to(type));
  }
  state.set("flags", at::tensor({1, 0}).to(at::kBool));
  state.set("scalar", at::full({}, std::numeric_limits<float>::quiet_NaN()));
  state.set("nothing in it", at::empty({0, 3}));
  state.set("undefined", at::Tensor());
  state.set("turned", at::arange(6).reshape({2, 3}).t());
  for (const int64_t value : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
    state.set(std::to_string(value), value);
  }
  using Limits = std::numeric_limits<double>;
  for (const double value : {0.0, -0.0, 1.0, 0.1, 1e300, Limits::denorm_min(), Limits::max(),
                             Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN(),
                             std::bit_cast<double>(uint64_t{0xfff8000000000123})}) {
    state.set(std::to_string(std::bit_cast<uint64_t>(value)), value);
  }
  state.set("text", "");
  state.set("more text", "\"quoted\"\n\\ \u00e9 0x7ff8000000000000");
  StateDict part, inner;
  part.set("empty", StateDict());
  inner.set("text", at::ones({1}));
  inner.set("text", int64_t{1});
  inner.set("text", "of the same name");
  part.set("inner", inner);
  state.set("part", part);
  EXPECT_EQ(round_trip(state).first_difference(state), "");
}

TEST(StateFileTest, TensorsHaveTheirPathAsName) {
  StateDict state, part;
  part.set("fc1.weight", at::ones({2}));
  part.set("a/b~c", at::zeros({2}));
  state.set("exp_avg", part);
  EXPECT_TRUE(round_trip(state).identical(state));
  const auto file = read_safetensors(path_of("round_trip.safetensors"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tensors.size(), 2);
  EXPECT_EQ(file->tensors[0].first, "exp_avg/a~1b~0c");
  EXPECT_EQ(file->tensors[1].first, "exp_avg/fc1.weight");
}

TEST(StateFileTest, WhatCannotBeWrittenIsNamed) {
  const std::string path = path_of("refused.safetensors");
  StateDict part, state;
  part.set("bytes", "\xff");
  state.set("part", part);
  EXPECT_TRUE(absl::StrContains(write_state_file(path, state).message(), "\"part/bytes\""));
  part = {};
  part.set("sparse", at::ones({2, 2}).to_sparse());
  state.set("part", part);
  EXPECT_TRUE(absl::StrContains(write_state_file(path, state).message(), "\"part/sparse\""));
  EXPECT_EQ(read_state_file(path).status().code(), absl::StatusCode::kNotFound);
}

TEST(StateFileTest, DamageIsNamedWithItsFileAndEntry) {
  const std::string path = path_of("damaged.safetensors");
  const auto message = [&](const std::string& json, const NamedTensors& tensors = {}) {
    const absl::Status written =
        write_safetensors(path, tensors, {{"format", "composer.state.1"}, {"state", json}});
    EXPECT_TRUE(written.ok()) << written;
    const absl::Status status = read_state_file(path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << json;
    EXPECT_TRUE(absl::StrContains(status.message(), path)) << status;
    return std::string(status.message());
  };
  const auto names = [](const std::string& text, const char* part) {
    EXPECT_TRUE(absl::StrContains(text, part)) << text;
  };
  names(message("{"), "\"state\"");
  names(message("[]"), "an object");
  names(message(R"({"tensor": {"a": true}})"), "\"tensor\"");
  names(message(R"({"children": {"p": {"tensors": {"a": true}}}})"), "\"p/a\"");
  names(message(R"({"tensors": {"a": false}})", {{"a", at::ones({1})}}), "\"a\"");
  names(message("{}", {{"stray", at::ones({1})}}), "\"stray\"");
  names(message(R"({"integers": {"a": 1.5}})"), "\"a\"");
  names(message(R"({"integers": {"a": 18446744073709551615}})"), "\"a\"");
  names(message(R"({"numbers": {"a": "0x0000000000000000"}})"), "\"a\"");
  names(message(R"({"numbers": {"a": "nan"}})"), "\"a\"");
  names(message(R"({"strings": {"a": 1}})"), "\"a\"");
  names(message(R"({"children": {"a": 1}})"), "\"a\"");
  std::string deep = "{}";
  for (int i = 0; i < 100; ++i) deep = R"({"children": {"a": )" + deep + "}}";
  names(message(deep), "deep");

  ASSERT_TRUE(write_safetensors(path, {{"a", at::ones({1})}}).ok());
  EXPECT_TRUE(absl::StrContains(read_state_file(path).status().message(), "format"));
}

TEST(StateFileTest, ATruncatedFileIsRefused) {
  StateDict state;
  state.set("a", at::ones({100}));
  const std::string path = path_of("truncated.safetensors");
  ASSERT_TRUE(write_state_file(path, state).ok());
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  for (const size_t size : {size_t{0}, size_t{4}, size_t{40}, bytes.size() - 1}) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes.substr(0, size);
    EXPECT_EQ(read_state_file(path).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

}  // namespace
}  // namespace composer
