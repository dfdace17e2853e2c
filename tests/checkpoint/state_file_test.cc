#include "composer/checkpoint/state_file.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <limits>

namespace composer {
namespace {

StateDict some_state() {
  StateDict inner, state;
  inner.set("fc1.weight", at::arange(6).reshape({2, 3}).t());
  inner.set("fc1.weight", int64_t{1} << 60);
  inner.set("a/b~1", at::tensor({0.1, 0.2}, at::kDouble));
  state.set("exp_avg", std::move(inner));
  state.set("exp_avg", at::ones({}, at::kBFloat16));
  state.set("none", StateDict());
  state.set("third", 1.0 / 3);
  state.set("infinite", -std::numeric_limits<double>::infinity());
  state.set("nan", -std::numeric_limits<double>::quiet_NaN());
  state.set("type", "a \"quoted\"\ntext");
  return state;
}

TEST(StateFileTest, WhatIsReadIsWhatWasWritten) {
  const std::string path = ::testing::TempDir() + "state.safetensors";
  ASSERT_TRUE(write_state(path, some_state()).ok());
  const auto read = read_state(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->first_difference(some_state()), "");
}

TEST(StateFileTest, NamesArePaths) {
  const SafetensorsFile file = to_safetensors(some_state());
  NamedTensors tensors = file.tensors;
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].first, "exp_avg");
  EXPECT_EQ(tensors[1].first, "exp_avg/a~1b~01");
  EXPECT_EQ(tensors[2].first, "exp_avg/fc1.weight");
  EXPECT_EQ(file.metadata[0], (std::pair<std::string, std::string>("number:infinite", "-inf")));
  EXPECT_EQ(file.metadata.back(), (std::pair<std::string, std::string>("part:none", "")));
}

TEST(StateFileTest, AnotherFilesMetadataIsRefused) {
  const std::string path = ::testing::TempDir() + "other.safetensors";
  for (const char* key : {"format", "format:pt", "integer:step", "number:"}) {
    ASSERT_TRUE(write_safetensors(path, {}, {{key, "pt"}}).ok());
    const auto read = read_state(path);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(read.status().message(),
              path + ": \"" + key + "\": \"pt\" in the metadata is no part of a state");
  }
  EXPECT_EQ(read_state(path + ".not").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace composer
