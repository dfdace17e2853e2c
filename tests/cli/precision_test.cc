// A run in each precision, from the command line.

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/safetensors.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

class PrecisionTest : public ::testing::TestWithParam<std::string> {
 protected:
  CommandResult run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin() + 1, data_file("examples/configs/synthetic_mlp.textproto"));
    arguments.push_back(absl::StrCat("precision=", GetParam()));
    // The processors of those who run this differ.
    arguments.push_back("allow_slow_precision=true");
    return run_command(std::move(arguments), folder_);
  }
  NamedTensors tensors(const std::string& file) const {
    const auto read = read_safetensors(folder_ + "/" + file);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->tensors : NamedTensors();
  }

  const std::string folder_ = fresh_folder();
};

TEST_P(PrecisionTest, TrainsEvaluatesAndPredicts) {
  const CommandResult trained = run({"train", "run_name=a"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_TRUE(absl::StrContains(trained.err, absl::StrCat(", ", GetParam(), "\n"))) << trained.err;
  const YAML::Node result = YAML::Load(trained.out);
  EXPECT_GT(result["metrics/eval/accuracy"].as<double>(), 0.5);

  for (const auto& [name, tensor] : tensors("runs/a/model.safetensors")) {
    EXPECT_EQ(tensor.scalar_type(), GetParam() == "bf16" ? at::kBFloat16 : at::kFloat) << name;
  }

  const CommandResult evaluated = run({"eval", "weights=runs/a/model.safetensors"});
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  const YAML::Node metrics = YAML::Load(evaluated.out);
  for (const char* name : {"metrics/eval/accuracy", "metrics/eval/cross_entropy"}) {
    EXPECT_EQ(metrics[name].as<std::string>(), result[name].as<std::string>()) << name;
  }

  const CommandResult predicted =
      run({"predict", "weights=runs/a/model.safetensors", "--output=logits.safetensors"});
  ASSERT_EQ(predicted.exit_code, 0) << predicted.err;
  const NamedTensors outputs = tensors("logits.safetensors");
  ASSERT_EQ(outputs.size(), 1);
  EXPECT_EQ(outputs[0].second.scalar_type(), at::kFloat);
}

INSTANTIATE_TEST_SUITE_P(All, PrecisionTest,
                         ::testing::Values("fp32", "amp_bf16", "amp_fp16", "bf16"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace composer::testing
