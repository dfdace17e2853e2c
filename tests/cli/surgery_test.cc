// Weights of runs whose algorithms add parameters to the model, or give them other names.

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/cli/run_digest.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

using Words = std::vector<std::string>;

// 2 epochs of 4 batches.
constexpr char kPlain[] = R"(
max_duration: "2ep"
model { resnet { depth: 20 width: 4 num_classes: 4 } }
train {
  dataset { synthetic { num_samples: 32 shape: [ 3, 8, 8 ] num_classes: 4 } }
  batch_size: 8
}
evaluators {
  data {
    dataset { synthetic { num_samples: 16 shape: [ 3, 8, 8 ] num_classes: 4 } }
    batch_size: 16
  }
}
optimizer { sgd { lr: 0.05 momentum: 0.9 } }
threads: "1"
)";
constexpr char kChanged[] = R"(
include: "plain.textproto"
algorithms { squeeze_excite { latent_channels: 2 min_channels: 4 must_match: true } }
algorithms { factorize { min_channels: 16 latent_channels: 4 must_match: true } }
)";
// No weight moves.
constexpr char kStill[] = "optimizer.sgd.lr=1e-30";

std::string folder_with_configs() {
  const std::string folder = fresh_folder();
  write_text(folder + "/plain.textproto", kPlain);
  write_text(folder + "/changed.textproto", kChanged);
  return folder;
}

CommandResult composer(const std::string& folder, const Words& words) {
  CommandResult result = run_command(words, folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result;
}

std::map<std::string, at::Tensor> weights(const std::string& run) {
  const auto file = read_safetensors(run + "/model.safetensors");
  EXPECT_TRUE(file.ok()) << file.status();
  if (!file.ok()) return {};
  return {file->tensors.begin(), file->tensors.end()};
}

// Buffers count batches.
void expect_equal_parameters(const std::map<std::string, at::Tensor>& actual,
                             const std::map<std::string, at::Tensor>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    const bool is_buffer = absl::StrContains(name, "running_") || absl::StrContains(name, "num_");
    ASSERT_EQ(actual.count(name), 1) << name;
    if (is_buffer) continue;
    EXPECT_TRUE(at::equal(actual.at(name), tensor)) << name;
  }
}

TEST(SurgeryTest, EvalTakesTheWeightsOfTheRunAndOfItsCheckpoint) {
  const std::string folder = folder_with_configs();
  const YAML::Node trained =
      YAML::Load(composer(folder, {"train", "changed.textproto", "run_name=a"}).out);
  const Words sources = {"weights=runs/a/model.safetensors",
                         "init_from={path: \"runs/a/checkpoints/ep2-ba8\"}",
                         "init_from={path: \"runs/a/checkpoints/ep2-ba8\" strict: false}"};
  for (const std::string& source : sources) {
    const YAML::Node evaluated =
        YAML::Load(composer(folder, {"eval", "changed.textproto", source}).out);
    ASSERT_GE(evaluated.size(), 1);
    for (const auto& entry : evaluated) {
      const auto name = entry.first.as<std::string>();
      EXPECT_EQ(entry.second.as<std::string>(), trained[name].as<std::string>()) << source;
    }
  }
  composer(folder, {"eval", "runs/a/config.textproto", sources[0]});
}

TEST(SurgeryTest, PredictTakesThem) {
  const std::string folder = folder_with_configs();
  const CommandResult trained = composer(folder, {"train", "changed.textproto", "run_name=a"});
  composer(folder, {"predict", "changed.textproto", "weights=runs/a/model.safetensors",
                    "--output=predicted.safetensors"});
  const auto predicted = read_safetensors(folder + "/predicted.safetensors");
  ASSERT_TRUE(predicted.ok()) << predicted.status();
  const at::Tensor logits = predicted->tensors.front().second;
  int64_t right = 0;
  for (int64_t i = 0; i < 16; ++i) right += logits[i].argmax().item<int64_t>() == i % 4;
  EXPECT_DOUBLE_EQ(right / 16.0, YAML::Load(trained.out)["metrics/eval/accuracy"].as<double>());
}

TEST(SurgeryTest, AResumedRunEndsAsTheUnbrokenOne) {
  const std::string folder = folder_with_configs();
  composer(folder, {"train", "changed.textproto", "run_name=a"});
  composer(folder, {"train", "changed.textproto", "run_name=b", "--stop-at=3ba"});
  composer(folder, {"train", "changed.textproto", "run_name=b", "--resume"});
  const auto unbroken = digest_of_run(folder + "/runs/a", "metrics.jsonl");
  const auto resumed = digest_of_run(folder + "/runs/b", "metrics.jsonl");
  ASSERT_TRUE(unbroken.ok() && resumed.ok()) << unbroken.status() << resumed.status();
  EXPECT_EQ(first_difference(*resumed, *unbroken), "");
}

TEST(SurgeryTest, ARunStartsFromTheChangedModelsWeights) {
  const std::string folder = folder_with_configs();
  composer(folder, {"train", "changed.textproto", "run_name=a"});
  composer(folder, {"train", "changed.textproto", "run_name=b", kStill, "max_duration=1ba",
                    "weights=runs/a/model.safetensors"});
  expect_equal_parameters(weights(folder + "/runs/b"), weights(folder + "/runs/a"));
}

TEST(SurgeryTest, ARunStartsFromThePlainModelsWeights) {
  const std::string folder = folder_with_configs();
  composer(folder, {"train", "plain.textproto", "run_name=a"});
  for (const char* source : {"weights=runs/a/model.safetensors",
                             "init_from={path: \"runs/a/model.safetensors\" strict: false}"}) {
    const std::string name = absl::StrCat("b", std::string(source).size());
    composer(folder, {"train", "changed.textproto", "run_name=" + name, kStill, "max_duration=1ba",
                      source});
    const auto plain = weights(folder + "/runs/a"), changed = weights(folder + "/runs/" + name);
    EXPECT_TRUE(at::equal(changed.at("fc.weight"), plain.at("fc.weight")));
    EXPECT_TRUE(
        at::equal(changed.at("layer1.0.conv1.conv.weight"), plain.at("layer1.0.conv1.weight")));
  }
}

TEST(SurgeryTest, WeightsThatFitNeitherModelAreRefusedByName) {
  const std::string folder = folder_with_configs();
  composer(folder, {"train", "changed.textproto", "run_name=a", "max_duration=1ba"});
  const CommandResult without =
      run_command({"eval", "plain.textproto", "weights=runs/a/model.safetensors"}, folder);
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(without.err, "weights: ")) << without.err;
  EXPECT_TRUE(absl::StrContains(without.err, "layer1.0.conv1.conv.weight")) << without.err;
  // Of both models, the changed one is nearer.
  const CommandResult other =
      run_command({"eval", "changed.textproto", "weights=runs/a/model.safetensors",
                   "algorithms[0].squeeze_excite.latent_channels=3"},
                  folder);
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(other.err, "weights: ")) << other.err;
  EXPECT_TRUE(absl::StrContains(other.err, "layer1.0.conv1.se.pool_and_mlp.2.weight")) << other.err;
}

}  // namespace
}  // namespace composer::testing
