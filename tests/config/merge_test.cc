#include <filesystem>
#include <string>

#include "gtest/gtest.h"
#include "tests/config/config_files.h"

namespace composer {
namespace {

std::string run_of(const std::string& path, const std::vector<std::string>& overrides = {}) {
  const auto config = load_config(path, overrides);
  return config.ok() ? config->run.ShortDebugString() : std::string(config.status().message());
}

// What the arguments make of one config.
std::string overridden(const std::vector<std::string>& overrides) {
  const auto config = load_text("a.textproto", R"(
seed: 1
model { cnn { channels: [8, 16] } }
algorithms { label_smoothing { smoothing: 0.1 } }
algorithms { mixup { } }
)",
                                overrides);
  return config.ok() ? config->run.ShortDebugString() : std::string(config.status().message());
}

const char kModel[] = "seed: 1 model { cnn { channels: 8 channels: 16 } }";
const char kAlgorithms[] =
    " algorithms { label_smoothing { smoothing: 0.1 } } algorithms { mixup { } }";

TEST(Include, TheIncludingFileComesOnTopOfWhatItIncludesInOrder) {
  ConfigFolder folder;
  folder.write("one.textproto",
               "seed: 1 run_name: 'one' device: 'cpu' model { cnn { in_channels: 3 } }");
  folder.write("two.yaml", "seed: 2\nrun_name: two\nmodel:\n  cnn: {num_classes: 4}\n");
  folder.write("top.json", R"({"include": ["one.textproto", "two.yaml"], "seed": 3})");
  EXPECT_EQ(
      run_of("top.json"),
      "run_name: \"two\" seed: 3 device: \"cpu\" model { cnn { in_channels: 3 num_classes: 4 } }");
  const auto config = load_config("top.json", {"run_name=x"});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->origins.describe("seed"), "top.json:1:44");
  EXPECT_EQ(config->origins.describe("device"), "one.textproto:1:25");
  EXPECT_EQ(config->origins.describe("model.cnn.num_classes"), "two.yaml:4:9");
  EXPECT_EQ(config->origins.describe("run_name"), "command line: run_name=x");
  EXPECT_EQ(config->origins.describe("threads"), "default");
}

TEST(Include, PathsAreRelativeToTheIncludingFile) {
  ConfigFolder folder;
  folder.write("a/b/base.yaml", "model: cnn\n");
  folder.write("a/middle.textproto", "include: 'b/base.yaml' seed: 5");
  folder.write("c/top.textproto", "include: '../a/middle.textproto'");
  EXPECT_EQ(run_of("c/top.textproto"), "seed: 5 model { cnn { } }");
  folder.write("a/b/base.yaml", "model: cn\n");
  EXPECT_EQ(run_of("c/top.textproto"),
            "a/b/base.yaml:1:8: model: no model \"cn\"; did you mean \"cnn\"?\n1 error");
}

TEST(Include, AListReplacesAndOneWithAPlusAppends) {
  ConfigFolder folder;
  folder.write("base.textproto", std::string(kModel) + kAlgorithms);
  folder.write("replace.yaml", "include: base.textproto\nalgorithms: [mixup]\n");
  EXPECT_EQ(run_of("replace.yaml"), std::string(kModel) + " algorithms { mixup { } }");
  const std::string appended = kModel + std::string(kAlgorithms) +
                               " algorithms { selective_backprop { } } algorithms { mixup { } }";
  folder.write("append.yaml",
               "include: base.textproto\nalgorithms+: [selective_backprop, mixup]\n");
  EXPECT_EQ(run_of("append.yaml"), appended);
  folder.write("append.json",
               R"({"include": "base.textproto", "algorithms+": ["selective_backprop", "mixup"]})");
  EXPECT_EQ(run_of("append.json"), appended);
  folder.write(
      "append.textproto",
      "include: 'base.textproto' algorithms+ { selective_backprop { } } algorithms+: mixup");
  EXPECT_EQ(run_of("append.textproto"), appended);
  folder.write("empty.yaml", "include: base.textproto\nalgorithms: []\n");
  EXPECT_EQ(run_of("empty.yaml"), kModel);
}

TEST(Include, OnlyListsAreAppendedTo) {
  EXPECT_EQ(errors_of("a.yaml", "model: cnn\nseed+: 3\n"),
            "a.yaml:2:1: seed: not a list; only lists can be appended to with +\n1 error");
}

TEST(Include, AnotherMemberOfAOneofReplaces) {
  ConfigFolder folder;
  folder.write("base.textproto", "model { cnn { channels: 3 } } optimizer { sgd { lr: 1 } }");
  folder.write(
      "a.textproto",
      "include: 'base.textproto' model { mlp_encoder { } } optimizer { sgd { momentum: 0.5 } }");
  EXPECT_EQ(run_of("a.textproto"),
            "model { mlp_encoder { } } optimizer { sgd { lr: 1 momentum: 0.5 } }");
}

TEST(Include, AnotherMemberOfAOneofLeavesTheFieldsBesideIt) {
  ConfigFolder folder;
  folder.write("base.textproto",
               "model { cnn { } } optimizer { parameters: 'bias' sgd { lr: 1 } }");
  folder.write("a.textproto", "include: 'base.textproto' optimizer { adamw { } }");
  EXPECT_EQ(run_of("a.textproto"),
            "model { cnn { } } optimizer { adamw { } parameters: \"bias\" }");
  folder.write("b.yaml", "include: base.textproto\noptimizer: adamw\n");
  EXPECT_EQ(run_of("b.yaml"), "model { cnn { } } optimizer { adamw { } parameters: \"bias\" }");
}

TEST(Include, NullTakesAValueAway) {
  ConfigFolder folder;
  folder.write("base.yaml", "seed: 4\nrun_name: a\nmodel: cnn\noptimizer: adamw\n");
  folder.write("a.yaml", "include: base.yaml\nseed: null\noptimizer: ~\n");
  EXPECT_EQ(run_of("a.yaml"), "run_name: \"a\" model { cnn { } }");
}

TEST(Include, CyclesAreNamed) {
  ConfigFolder folder;
  folder.write("a.textproto", "model { cnn {} }\ninclude: 'b.yaml'");
  folder.write("b.yaml", "seed: 1\ninclude: c.json\n");
  folder.write("c.json", R"({"include": "a.textproto"})");
  EXPECT_EQ(run_of("a.textproto"),
            "c.json:1:13: include: files include one another: a.textproto -> b.yaml -> c.json -> "
            "a.textproto\n1 error");
  folder.write("self.yaml", "include: ./self.yaml");
  EXPECT_EQ(run_of("self.yaml"),
            "self.yaml:1:10: include: files include one another: self.yaml -> self.yaml\n1 error");
}

TEST(Include, WhatCannotBeIncludedIsSaidAtTheInclude) {
  ConfigFolder folder;
  folder.write("base.yaml", "model: cnn");
  folder.write("empty.json", "");
  std::filesystem::create_directory("folder.yaml");
  folder.write("a.textproto", R"(seed: 1
include: ["bas.yaml", "empty.json", "folder.yaml", "x.toml", ""]
include: 3
sed: 2)");
  EXPECT_EQ(
      run_of("a.textproto"),
      R"(a.textproto:2:11: include: "bas.yaml": the file does not exist; did you mean "base.yaml"?
a.textproto:2:23: include: "empty.json": the file is empty
a.textproto:2:37: include: "folder.yaml": expected a config file, found a folder
a.textproto:2:52: include: "x.toml": the file does not exist
a.textproto:2:62: include: expected the name of a file, found the string ""
a.textproto:3:10: include: expected the name of a file, found the number 3
a.textproto:4:1: no field "sed" in Run; did you mean "seed"?
7 errors)");
}

TEST(Include, ErrorsOfAFileThatIsIncludedTwiceAreSaidOnce) {
  ConfigFolder folder;
  folder.write("base.yaml", "sed: 1\nmodel: cnn");
  folder.write("b.yaml", "include: base.yaml");
  folder.write("c.yaml", "include: [b.yaml, base.yaml]");
  EXPECT_EQ(run_of("c.yaml"),
            "base.yaml:1:1: no field \"sed\" in Run; did you mean \"seed\"?\n1 error");
}

TEST(Include, ExponentiallyManyFilesAreRefused) {
  ConfigFolder folder;
  for (int i = 0; i < 30; ++i) {
    const std::string next = std::to_string(i + 1) + ".yaml";
    folder.write(std::to_string(i) + ".yaml", "include: [" + next + ", " + next + "]");
  }
  folder.write("30.yaml", "model: cnn");
  EXPECT_NE(run_of("0.yaml").find("more than 100 files"), std::string::npos);
}

TEST(Overrides, Scalars) {
  EXPECT_EQ(
      overridden({"seed=0x20", "run_name=a b=c", "max_duration=10ep", "deterministic=true",
                  "threads=3", "weights=null", "device=\"cpu\""}),
      std::string("run_name: \"a b=c\" seed: 32 max_duration: \"10ep\" device: \"cpu\" threads: "
                  "\"3\" deterministic: true model { cnn { channels: 8 channels: 16 } }") +
          kAlgorithms);
  EXPECT_EQ(overridden({"seed=2", "seed=3"}).substr(0, 8), "seed: 3 ");
  EXPECT_EQ(overridden({"seed=null"}).substr(0, 6), "model ");
}

TEST(Overrides, ReachIntoMessagesAndOneofs) {
  EXPECT_EQ(
      overridden({"algorithms=[]", "model.cnn.num_classes=3", "optimizer.sgd.lr=1e-1",
                  "optimizer.sgd.momentum=0.5"}),
      "seed: 1 model { cnn { channels: 8 channels: 16 num_classes: 3 } } optimizer { sgd { lr: "
      "0.1 momentum: 0.5 } }");
  EXPECT_EQ(overridden({"algorithms=[]", "model.mlp_encoder.input_dim=3"}),
            "seed: 1 model { mlp_encoder { input_dim: 3 } }");
  EXPECT_EQ(overridden({"algorithms=[]", "model=mlp_encoder"}),
            "seed: 1 model { mlp_encoder { } }");
}

TEST(Overrides, ReachAChoiceAndTheFieldsBesideIt) {
  EXPECT_EQ(overridden({"algorithms=[]", "optimizer.sgd.lr=0.1", "optimizer.parameters=bias$",
                        "optimizer.adamw.lr=0.2"}),
            "seed: 1 model { cnn { channels: 8 channels: 16 } } optimizer { adamw { lr: 0.2 } "
            "parameters: \"bias$\" }");
  EXPECT_EQ(overridden({"algorithms=[]", "optimizers=[{adamw {} parameters: x}, lion]",
                        "optimizers[1].parameters=y"}),
            "seed: 1 model { cnn { channels: 8 channels: 16 } } optimizers { adamw { } parameters: "
            "\"x\" } optimizers { lion { } parameters: \"y\" }");
}

TEST(Overrides, ListsAndTheirElements) {
  EXPECT_EQ(
      overridden({"algorithms[0].label_smoothing.smoothing=0.2", "algorithms[1].mixup=null",
                  "algorithms[1]=mixup{alpha: 3}", "model.cnn.channels[1]=4"}),
      "seed: 1 model { cnn { channels: 8 channels: 4 } } algorithms { label_smoothing { smoothing: "
      "0.2 } } algorithms { mixup { alpha: 3 } }");
  EXPECT_EQ(
      overridden({"algorithms=[mixup, label_smoothing {smoothing: 0.5}]",
                  "model.cnn.channels=[1, 2]", "model.cnn.channels+=3"}),
      "seed: 1 model { cnn { channels: 1 channels: 2 channels: 3 } } algorithms { mixup { } } "
      "algorithms { label_smoothing { smoothing: 0.5 } }");
  const std::string one = " algorithms { mixup { alpha: 3 } }";
  for (const char* value : {"mixup{alpha: 3}", "{mixup {alpha: 3}}", "{\"mixup\": {\"alpha\": 3}}",
                            "[{\"mixup\": {\"alpha\": 3}}]", "mixup: {alpha: 3}"}) {
    EXPECT_EQ(overridden({std::string("algorithms=") + value}), kModel + one) << value;
    EXPECT_EQ(overridden({std::string("algorithms+=") + value}),
              std::string(kModel) + kAlgorithms + one)
        << value;
  }
}

TEST(Overrides, AnElementMayTurnIntoAnotherItem) {
  EXPECT_EQ(overridden({"algorithms[0].mixup.alpha=3"}),
            std::string(kModel) + " algorithms { mixup { alpha: 3 } } algorithms { mixup { } }");
}

TEST(Overrides, ReachIntoPlugins) {
  const auto config =
      load_text("a.textproto",
                "model { cnn {} } algorithms { plugin { [composer.test.Everything] { "
                "needed: 1 nested { needed: 2 } } } }",
                {"algorithms[0].plugin.nested.needed=5", "algorithms[0].plugin.words+=x"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_NE(config->run.ShortDebugString().find("words: \"x\" nested { needed: 5 } needed: 1"),
            std::string::npos)
      << config->run.ShortDebugString();
}

TEST(Overrides, ErrorsNameTheArgumentAndItsColumn) {
  EXPECT_EQ(overridden({"seed=5", "sed=5", "model.cn.channels=1", "algorithms[2].mixup.alpha=1",
                        "algorithms.mixup.alpha=1", "algorithms+=mixup{alfa: 1}", "seed+=1", "seed",
                        "=3", "seed=x", "model.cnn.channels=[1, 0]", "model=cnn{", "seed.x=1",
                        "algorithms[x]=mixup", "seed[0]=1", "optimizer.adamw.lr=-1",
                        "algorithms+=null", "max_duration=", "model.plugin.x=1"}),
            R"(command line, argument 2, column 1: no field "sed" in Run; did you mean "seed"?
command line, argument 3, column 7: model: no model "cn"; did you mean "cnn"?
command line, argument 4, column 1: algorithms: no element 2; the list has 2 elements; += appends one
command line, argument 5, column 1: algorithms: a list; choose an element, such as algorithms[0]
command line, argument 6, column 19: algorithms[0].mixup: no field "alfa" in MixUp; did you mean "alpha"?
command line, argument 7, column 1: seed: not a list; only lists can be appended to with +=
command line, argument 8, column 1: expected field=value, found "seed"
command line, argument 9, column 1: expected the name of a field before "="
command line, argument 10, column 6: seed: expected a whole number from 0 to 4294967295, found the word x
command line, argument 11, column 24: model.cnn.channels[1]: expected a number at least 1, found 0
command line, argument 12, column 11: expected "}" for the message that is opened at line 1, column 10, found the end of the text
command line, argument 13, column 1: seed: a value, which has no fields
command line, argument 14, column 1: expected an element such as algorithms[0], found "algorithms[x]"
command line, argument 15, column 1: seed: not a list; it has no elements
command line, argument 16, column 20: optimizer.adamw.lr: expected a number at least 0, found -1
command line, argument 17, column 13: algorithms: null cannot be appended
command line, argument 18, column 14: max_duration: invalid time string "": it is empty; write a number and a unit (ep, ba, sp, tok, dur, sec or iter), such as "10ep" or "0.5dur", or a clock time such as "1h30m"; this field takes ep, ba, sp, tok or sec
command line, argument 19, column 14: model.plugin: no type is chosen; write plugin={[full.Name] {...}}
18 errors)");
}

TEST(Overrides, AWrongValueInAFileMayBePutRight) {
  EXPECT_EQ(errors_of("a.textproto", "model { cnn {} } weights: 'missing'", {"weights=null"}), "");
  EXPECT_EQ(errors_of("a.textproto", "model { cnn {} } seed: -1", {"seed=1"}), "");
}

}  // namespace
}  // namespace composer
