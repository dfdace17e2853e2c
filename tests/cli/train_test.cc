// The command as a user runs it: a run's folder, its files, its exit codes.

#include <gtest/gtest.h>
#include <signal.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/checkpoint/safetensors.h"
#include "composer/config/load_config.h"
#include "composer/config/print.h"
#include "tests/cli/run_command.h"

namespace composer::testing {
namespace {

namespace fs = std::filesystem;

std::string config_file(absl::string_view ending = "textproto") {
  return data_file(absl::StrCat("examples/configs/synthetic_mlp.", ending));
}

std::vector<YAML::Node> read_jsonl(const std::string& path) {
  std::vector<YAML::Node> objects;
  for (const auto line : absl::StrSplit(read_text(path), '\n', absl::SkipEmpty())) {
    objects.push_back(YAML::Load(std::string(line)));
    EXPECT_TRUE(objects.back().IsMap()) << line;
  }
  return objects;
}

std::set<std::string> files_of(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

TEST(TrainTest, WritesARunsFolder) {
  const std::string folder = fresh_folder();
  const CommandResult result = run_command({"train", config_file(), "run_name=first"}, folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string run = folder + "/runs/first";
  EXPECT_EQ(files_of(run),
            (std::set<std::string>{".lock", "checkpoints", "config.textproto", "metrics.jsonl",
                                   "model.safetensors", "result.json", "train.log"}));
  EXPECT_EQ(read_text(run + "/result.json"), result.out);

  // 3 epochs of 16 batches: a line each 10 batches, one an evaluation.
  std::vector<int> steps, evaluations;
  for (const YAML::Node& object : read_jsonl(run + "/metrics.jsonl")) {
    for (const char* name : {"time", "epoch", "batch", "sample"}) {
      EXPECT_TRUE(object[name].IsDefined()) << name;
    }
    EXPECT_EQ(object["sample"].as<int>(), 32 * object["batch"].as<int>());
    if (object["metrics/eval/accuracy"].IsDefined()) {
      evaluations.push_back(object["batch"].as<int>());
      EXPECT_GT(object["metrics/eval/accuracy"].as<double>(), 0.5);
    } else {
      steps.push_back(object["batch"].as<int>());
      for (const char* name : {"loss/train/total", "metrics/train/accuracy", "lr/group0",
                               "throughput/samples_per_sec", "time/data_wait_fraction"}) {
        EXPECT_TRUE(object[name].IsDefined()) << name;
      }
    }
  }
  EXPECT_EQ(steps, (std::vector<int>{10, 20, 30, 40}));
  EXPECT_EQ(evaluations, (std::vector<int>{16, 32, 48}));

  const std::string log = read_text(run + "/train.log");
  for (const char* text :
       {"composer 0.", "LibTorch 2.", "parameters", "trained 3 epochs, 48 batches",
        "LabelSmoothing at before_loss: 48 times"}) {
    EXPECT_TRUE(absl::StrContains(log, text)) << text << " is not in\n" << log;
  }
}

// Categories are numbered by what was trained on, wherever the model is measured.
TEST(TrainTest, KeepsWhatTheDataTaughtForOtherSplits) {
  const std::string folder = fresh_folder();
  write_text(folder + "/train.csv",
             "age,size,label\n41,1.7,yes\n23,1.8,no\n35,1.6,yes\n60,1.9,maybe\n");
  write_text(folder + "/test.csv", "age,size,label\n50,1.7,yes\n20,1.8,yes\n");
  const auto data = [](absl::string_view file, absl::string_view more = "") {
    return absl::StrCat("dataset { csv { file: '", file, "' ", more,
                        " columns { name: 'age' tensor: 'input' standardize: true }"
                        " columns { name: 'size' tensor: 'input' }"
                        " columns { name: 'label' tensor: 'target' type: CATEGORY } } } "
                        "batch_size: 2 ");
  };
  const std::string model = "model { mlp { input_size: 2 num_classes: 3 } } ";
  write_text(folder + "/train.textproto",
             absl::StrCat(model, "optimizer { sgd { lr: 0.1 } } max_duration: '1ep' train { ",
                          data("train.csv"), "}"));
  const CommandResult trained = run_command({"train", "train.textproto", "run_name=a"}, folder);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const std::string learnt = read_text(folder + "/runs/a/train_learnt.json");
  for (const char* word : {"maybe", "no", "yes"}) {
    EXPECT_TRUE(absl::StrContains(learnt, word)) << learnt;
  }

  const auto eval = [&](absl::string_view more) {
    write_text(folder + "/eval.textproto",
               absl::StrCat(model, "evaluators { data { ", data("test.csv", more), "} }"));
    return run_command({"eval", "eval.textproto", "weights=runs/a/model.safetensors"}, folder);
  };
  EXPECT_EQ(eval("learnt: 'runs/a/train_learnt.json'").exit_code, 0);
  EXPECT_EQ(eval("learn_from: 'train.csv'").exit_code, 0);
  const CommandResult refused = eval("");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(refused.err, "evaluators[0].data.dataset")) << refused.err;
  EXPECT_TRUE(absl::StrContains(refused.err, "train_learnt.json")) << refused.err;
}

TEST(TrainTest, PrintsItsResultAsOneObjectAndEverythingElseOnStderr) {
  const std::string folder = fresh_folder();
  const CommandResult result = run_command({"train", config_file(), "run_name=a"}, folder);
  const YAML::Node object = YAML::Load(result.out);
  EXPECT_EQ(object["run_dir"].as<std::string>(), "runs/a");
  EXPECT_EQ(object["epoch"].as<int>(), 3);
  EXPECT_TRUE(object["metrics/eval/accuracy"].IsDefined()) << result.out;
  EXPECT_TRUE(absl::StrContains(result.err, "epoch 1/3  16 batches")) << result.err;
  EXPECT_FALSE(absl::StrContains(result.err, "\033")) << "escapes without a terminal";
}

TEST(TrainTest, TheResolvedConfigSaysTheSameAgain) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"train", config_file(), "run_name=a", "optimizer.sgd.lr=0.05"}, folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string path = folder + "/runs/a/config.textproto";
  EXPECT_TRUE(absl::StrContains(read_text(path), "optimizer.sgd.lr=0.05")) << read_text(path);
  const auto once = load_config(path);
  ASSERT_TRUE(once.ok()) << once.status();
  auto direct = load_config(config_file(), {"run_name=a", "optimizer.sgd.lr=0.05"});
  ASSERT_TRUE(direct.ok()) << direct.status();
  direct->run.add_loggers()->mutable_jsonl();
  direct->run.add_loggers()->mutable_console();
  EXPECT_EQ(canonical_text(once->run), canonical_text(direct->run));
}

TEST(TrainTest, YamlAndJsonTrainToTheSameBits) {
  const std::string folder = fresh_folder();
  std::set<std::string> weights;
  for (const char* ending : {"textproto", "yaml", "json"}) {
    const CommandResult result =
        run_command({"train", config_file(ending), absl::StrCat("run_name=", ending)}, folder);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    weights.insert(read_text(absl::StrCat(folder, "/runs/", ending, "/model.safetensors")));
  }
  EXPECT_EQ(weights.size(), 1);
}

TEST(TrainTest, DerivesANameFromTheConfigAndTheTime) {
  const std::string folder = fresh_folder();
  ASSERT_EQ(run_command({"train", config_file(), "max_duration=2ba"}, folder).exit_code, 0);
  const std::set<std::string> runs = files_of(folder + "/runs");
  ASSERT_EQ(runs.size(), 1);
  EXPECT_TRUE(absl::StartsWith(*runs.begin(), "synthetic_mlp-20")) << *runs.begin();
}

TEST(TrainTest, NeverWritesIntoAnotherRunsFolder) {
  const std::string folder = fresh_folder();
  const std::vector<std::string> command = {"train", config_file(), "run_name=a",
                                            "max_duration=2ba"};
  ASSERT_EQ(run_command(command, folder).exit_code, 0);
  const std::string before = read_text(folder + "/runs/a/metrics.jsonl");
  const CommandResult second = run_command(command, folder);
  EXPECT_EQ(second.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(second.err, "runs/a exists")) << second.err;
  EXPECT_TRUE(absl::StrContains(second.err, "add --resume to continue that run")) << second.err;
  EXPECT_EQ(read_text(folder + "/runs/a/metrics.jsonl"), before);
  EXPECT_EQ(files_of(folder + "/runs/a").size(), 7);
}

TEST(TrainTest, ADivergedRunHasItsOwnExitCode) {
  const std::string folder = fresh_folder();
  const CommandResult result = run_command(
      {"train", config_file(), "run_name=a", "optimizer.sgd.lr=1e30", "schedulers=[]"}, folder);
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "NaNMonitor at after_train_batch, batch "))
      << result.err;
  EXPECT_FALSE(fs::exists(folder + "/runs/a/model.safetensors"));
}

TEST(TrainTest, MicrobatchesAreFoundOrGivenAndWeighAsTheConfigSays) {
  const std::string folder = fresh_folder();
  const CommandResult automatic = run_command(
      {"train", config_file(), "run_name=a", "device_train_microbatch_size=auto"}, folder);
  ASSERT_EQ(automatic.exit_code, 0) << automatic.err;
  const auto metrics = read_jsonl(folder + "/runs/a/metrics.jsonl");
  EXPECT_EQ(metrics.at(0)["trainer/device_train_microbatch_size"].as<int>(), 32);

  const CommandResult given =
      run_command({"train", config_file(), "run_name=b", "device_train_microbatch_size=7",
                   "accumulate_train_batch_on_tokens=true"},
                  folder);
  EXPECT_EQ(given.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(given.err, "override num_loss_tokens")) << given.err;
}

TEST(TrainTest, LeavesNothingWhenTheFirstStepFails) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"train", config_file(), "run_name=a", "model.mlp.input_size=15"}, folder);
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "32x16 and 15x32")) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "runs/a is removed")) << result.err;
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST(EvalTest, AgreesWithTheEndOfTraining) {
  const std::string folder = fresh_folder();
  const CommandResult trained = run_command({"train", config_file(), "run_name=a"}, folder);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const CommandResult evaluated =
      run_command({"eval", config_file(), "weights=runs/a/model.safetensors"}, folder);
  ASSERT_EQ(evaluated.exit_code, 0) << evaluated.err;
  const YAML::Node expected = YAML::Load(trained.out);
  const YAML::Node actual = YAML::Load(evaluated.out);
  EXPECT_GE(actual.size(), 1);
  for (const auto& entry : actual) {
    const std::string name = entry.first.as<std::string>();
    EXPECT_EQ(entry.second.as<std::string>(), expected[name].as<std::string>()) << name;
  }
  EXPECT_EQ(files_of(folder), std::set<std::string>{"runs"});
}

TEST(EvalTest, TakesTheResolvedConfigOfARun) {
  const std::string folder = fresh_folder();
  ASSERT_EQ(run_command({"train", config_file(), "run_name=a"}, folder).exit_code, 0);
  const CommandResult result =
      run_command({"eval", "runs/a/config.textproto", "weights=runs/a/model.safetensors"}, folder);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST(PredictTest, WritesTheOutputsOfAllSamplesInOrder) {
  const std::string folder = fresh_folder();
  const CommandResult trained = run_command({"train", config_file(), "run_name=a"}, folder);
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const CommandResult result =
      run_command({"predict", config_file(), "weights=runs/a/model.safetensors", "--output",
                   "predicted.safetensors"},
                  folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto tensors = read_safetensors(folder + "/predicted.safetensors");
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  ASSERT_EQ(tensors->tensors.size(), 1);
  const auto& [name, logits] = tensors->tensors.front();
  EXPECT_EQ(name, "logits");
  ASSERT_EQ(logits.sizes(), (std::vector<int64_t>{256, 4}));
  // Sample i of the synthetic data is of class i mod 4.
  int64_t right = 0;
  for (int64_t i = 0; i < 256; ++i) right += logits[i].argmax().item<int64_t>() == i % 4;
  EXPECT_DOUBLE_EQ(right / 256.0, YAML::Load(trained.out)["metrics/eval/accuracy"].as<double>());
}

// Enough training to be interrupted.
std::vector<std::string> long_run() {
  return {"train", config_file(), "run_name=a", "max_duration=100000ep",
          "loggers=[{jsonl {}}, {console {log_interval: \"100ba\"}}]"};
}

class InterruptTest : public ::testing::TestWithParam<int> {};

TEST_P(InterruptTest, StopsAtTheNextStepAndKeepsTheWeights) {
  const std::string folder = fresh_folder();
  Command command(long_run(), folder);
  ASSERT_TRUE(command.wait_for_stderr("epoch 2/")) << command.wait().err;
  command.send(GetParam());
  const CommandResult result = command.wait();
  EXPECT_EQ(result.exit_code, 128 + GetParam()) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, "stopping after this step")) << result.err;
  EXPECT_TRUE(absl::StrContains(result.err, GetParam() == SIGINT ? "SIGINT" : "SIGTERM"));
  EXPECT_TRUE(absl::StrContains(result.err, "trained ")) << result.err;
  const auto weights = read_safetensors(folder + "/runs/a/model.safetensors");
  ASSERT_TRUE(weights.ok()) << weights.status();
  EXPECT_EQ(weights->tensors.size(), 4);
  EXPECT_FALSE(read_jsonl(folder + "/runs/a/metrics.jsonl").empty());
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptTest, ::testing::Values(SIGINT, SIGTERM));

TEST(InterruptTest, ASecondSignalStopsAtOnce) {
  const std::string folder = fresh_folder();
  // One step that takes far longer than the test waits.
  Command command({"train", config_file(), "run_name=a", "train.batch_size=200000",
                   "train.dataset.synthetic.num_samples=200000",
                   "model.mlp.hidden_sizes=[4096,4096]", "threads=1", "optimizer.sgd.lr=0"},
                  folder);
  ASSERT_TRUE(command.wait_for_stderr("writing to runs/a")) << command.wait().err;
  command.send(SIGINT);
  ASSERT_TRUE(command.wait_for_stderr("stopping after this step"));
  command.send(SIGINT);
  const CommandResult result = command.wait();
  EXPECT_EQ(result.exit_code, 130) << result.err;
  EXPECT_FALSE(fs::exists(folder + "/runs/a/model.safetensors"));
}

TEST(CheckTest, PrintsTheWholeConfigWithOriginsAndMakesNoFolder) {
  const std::string folder = fresh_folder();
  const CommandResult result =
      run_command({"check", config_file(), "optimizer.sgd.lr=0.05"}, folder);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(absl::StrContains(result.out, "command line: optimizer.sgd.lr=0.05")) << result.out;
  EXPECT_TRUE(absl::StrContains(result.out, "synthetic_mlp.textproto:")) << result.out;
  EXPECT_TRUE(absl::StrContains(result.out, "seed: 17")) << result.out;
  EXPECT_TRUE(fs::is_empty(folder));
}

TEST(ListTest, PrintsWhatThereIs) {
  const CommandResult algorithms = run_command({"list", "algorithms"}, fresh_folder());
  ASSERT_EQ(algorithms.exit_code, 0) << algorithms.err;
  std::vector<std::string> names;
  for (const auto line : absl::StrSplit(algorithms.out, '\n', absl::SkipEmpty())) {
    names.push_back(std::string(line.substr(0, line.find(' '))));
  }
  EXPECT_EQ(names, (std::vector<std::string>{"label_smoothing",
                                             "selective_backprop",
                                             "mixup",
                                             "gradient_clipping",
                                             "ema",
                                             "swa",
                                             "sam",
                                             "layer_freezing",
                                             "lookahead",
                                             "cutmix",
                                             "cutout",
                                             "colout",
                                             "progressive_resizing",
                                             "channels_last",
                                             "seq_length_warmup",
                                             "no_op_model",
                                             "blurpool",
                                             "ghost_batch_norm",
                                             "squeeze_excite",
                                             "stochastic_depth",
                                             "weight_standardization",
                                             "factorize",
                                             "low_precision_layer_norm",
                                             "low_precision_group_norm",
                                             "gyro_dropout",
                                             "alibi",
                                             "gated_linear_units",
                                             "augmix",
                                             "randaugment",
                                             "random_erasing",
                                             "gradient_noise",
                                             "r_drop",
                                             "ema_distillation"}));
  const CommandResult all = run_command({"list"}, fresh_folder());
  for (const char* text :
       {"\nmodels\n  mlp ", "\ndatasets\n  fashion_mnist ", "\noptimizers\n  sgd ",
        "\nschedulers\n  constant ", "\ncallbacks\n  lr_monitor ", "\nloggers\n  jsonl "}) {
    EXPECT_TRUE(absl::StrContains(all.out, text)) << text << " is not in\n" << all.out;
  }
}

TEST(DescribeTest, SaysFieldsDefaultsEventsAndPaper) {
  const CommandResult result = run_command({"describe", "selective_backprop"}, fresh_folder());
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* text : {"selective_backprop (algorithm, composer.config.SelectiveBackprop)",
                           "Skips the backward pass of samples with a small loss", "keep: double",
                           "0.5", "The fraction of a batch that is kept.", "events: ", "paper: ",
                           "in a config: algorithms { selective_backprop {} }"}) {
    EXPECT_TRUE(absl::StrContains(result.out, text)) << text << " is not in\n" << result.out;
  }
}

TEST(DescribeTest, SaysWhatAnAlgorithmCannotBeCombinedWith) {
  const std::string folder = fresh_folder();
  for (const auto& [name, text] : std::map<std::string, std::string>{
           {"label_smoothing",
            "\nnot with mixup { interpolate_loss: true }, cutmix { interpolate_loss: true }"},
           {"mixup", "\nwith interpolate_loss: true, not with label_smoothing, cutmix"},
           {"selective_backprop", "\nneeds a model with per-sample losses\n"},
           {"squeeze_excite", "\nchanges the model\n"}}) {
    const CommandResult result = run_command({"describe", name}, folder);
    EXPECT_TRUE(absl::StrContains(result.out, text)) << text << " is not in\n" << result.out;
  }
}

TEST(DescribeTest, EveryAlgorithmIsExplained) {
  const std::string folder = fresh_folder();
  const CommandResult algorithms = run_command({"list", "algorithms"}, folder);
  for (const auto line : absl::StrSplit(algorithms.out, '\n', absl::SkipEmpty())) {
    const std::string name(line.substr(0, line.find(' ')));
    EXPECT_TRUE(absl::EndsWith(line, ".")) << line;
    const CommandResult result = run_command({"describe", name}, folder);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    for (const char* text : {"\nevents: ", "\npaper: ", "\nin a config: "}) {
      EXPECT_TRUE(absl::StrContains(result.out, text)) << text << " is not in\n" << result.out;
    }
  }
}

TEST(DescribeTest, FindsAnItemByAnyOfItsNames) {
  const std::string expected = run_command({"describe", "mlp_encoder"}, fresh_folder()).out;
  EXPECT_FALSE(expected.empty());
  for (const char* name : {"MLPEncoder", "mlpencoder", "composer.config.MLPEncoder"}) {
    EXPECT_EQ(run_command({"describe", name}, fresh_folder()).out, expected) << name;
  }
}

TEST(DescribeTest, AnAlgorithmWithRequiredFieldsHasEventsToo) {
  const CommandResult result = run_command({"describe", "gradient_clipping"}, fresh_folder());
  EXPECT_TRUE(absl::StrContains(result.out, "events: ")) << result.out;
  EXPECT_TRUE(absl::StrContains(result.out, "ADAPTIVE")) << result.out;
}

TEST(PluginTest, ItsAlgorithmIsNamedInAConfigAndDescribed) {
  const std::string folder = fresh_folder();
  const std::string plugin = data_file("examples/plugin/gradient_centralization.so");
  write_text(folder + "/a.textproto",
             absl::StrCat("include: \"", config_file(), "\"\n",
                          "algorithms+ { plugin {\n"
                          "  [type.googleapis.com/composer.examples.GradientCentralization] {}\n"
                          "} }\n"));
  const CommandResult trained =
      run_command({"train", "--plugin", plugin, "a.textproto", "run_name=a"}, folder);
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_TRUE(absl::StrContains(read_text(folder + "/runs/a/train.log"),
                                "GradientCentralization at after_train_batch: 48 times"));
  const CommandResult described =
      run_command({"describe", "GradientCentralization", "--plugin", plugin}, folder);
  EXPECT_TRUE(absl::StrContains(described.out, "strength: double, from 0 to 1, default 1"))
      << described.out << described.err;
  const CommandResult without = run_command({"train", "a.textproto", "run_name=b"}, folder);
  EXPECT_EQ(without.exit_code, 2);
  EXPECT_TRUE(absl::StrContains(without.err, "load its library with --plugin")) << without.err;
}

TEST(CommandTest, SaysItsVersionAndHelpsOnStdout) {
  const CommandResult version = run_command({"--version"}, fresh_folder());
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_TRUE(absl::StartsWith(version.out, "composer 0.")) << version.out;
  const CommandResult help = run_command({"train", "--help"}, fresh_folder());
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_TRUE(absl::StrContains(help.out, "--plugin")) << help.out;
  EXPECT_EQ(help.err, "");
}

TEST(CommandTest, TakesRelativePathsFromWhereBazelRunWasCalled) {
  const std::string folder = fresh_folder();
  write_text(folder + "/a.textproto", read_text(config_file()));
  const CommandResult result =
      run_command({"train", "a.textproto", "run_name=a", "max_duration=1ba"}, fresh_folder(),
                  {{"BUILD_WORKING_DIRECTORY", folder}});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(fs::exists(folder + "/runs/a/model.safetensors"));
}

}  // namespace
}  // namespace composer::testing
