#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/config/config_files.h"

namespace composer {
namespace {

struct File {
  std::string name;
  std::string text;
};

const std::vector<File>& valid_files() {
  static const std::vector<File> files = {
      {"a.textproto", R"(# A run.
run_name: "x" seed: 5, max_duration: "1h30m";
threads: auto
model { cnn { channels: [8, 0x10] memory_format: CHANNELS_LAST } }
train < dataset: { synthetic { shape: 3 shape: 4 } } batch_size: 8 >
optimizer { sgd { lr: 1e-2 groups { pattern: "bias$|\\." weight_decay: .0 } } }
algorithms: [label_smoothing, { mixup { alpha: 0.5f } }]
algorithms+ { plugin { [type.googleapis.com/composer.test.Everything] { needed: -1 numbers: -inf
  counts { key: 'a' value: 1 } nested { needed: 2 } } } }
)"},
      {"a.yaml", R"(# A run.
run_name: &name "x"
device: *name
model:
  cnn: {channels: [8, 16], memory_format: CHANNELS_LAST}
train:
  dataset:
    synthetic: &shape
      shape: [3, 4]
  batch_size: 1e1
evaluators:
- label: |
    two
    lines
  data:
    dataset: {synthetic: {<<: *shape, seed: 0x3}}
    batch_size: !!int 4
algorithms:
- label_smoothing
- plugin: {'@type': composer.test.Everything, needed: 1, counts: {a: 1}, precise: .inf}
)"},
      {"a.json", R"({
  "run_name": "x\u00e9\ud83d\ude00",
  "model": {"mlp": {"inputSize": "4", "num_classes": 3, "hidden_sizes": [1, 2e1]}},
  "optimizer": {"adamw": {"lr": 0.1, "amsgrad": true, "groups": null}},
  "algorithms+": [{"plugin": {"@type": "type.googleapis.com/composer.test.Everything",
                              "needed": 3, "data": "/4A=", "nested": {"needed": 1}}}]
})"},
  };
  return files;
}

// One of: a byte changed, removed, doubled or replaced by one that means something; a piece
// removed, copied elsewhere, or repeated; the end cut off.
std::string mutated(std::string text, std::mt19937& random) {
  const auto below = [&](size_t bound) { return bound == 0 ? 0 : random() % bound; };
  const std::string special = "{}[]<>:,;\"'\\#&*!|%@`-+.=~0123456789eExX\n\t \x01\x7f\xc3\xa9";
  for (size_t edits = 1 + below(4); edits > 0; --edits) {
    if (text.empty()) return text;
    const size_t at = below(text.size());
    const std::string piece = text.substr(at, 1 + below(40));
    switch (below(7)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text.erase(at, 1);
        break;
      case 2:
        text.insert(at, 1, special[below(special.size())]);
        break;
      case 3:
        text.erase(at, piece.size());
        break;
      case 4:
        text.insert(below(text.size()), piece);
        break;
      case 5:
        for (int i = 0; i < 20; ++i) text.insert(at, piece);
        break;
      case 6:
        if (below(4) == 0) text.resize(at);
        break;
    }
  }
  return text;
}

// A config or a list of errors that ends with their number.
void expect_answer(const absl::StatusOr<ResolvedConfig>& config, const std::string& what) {
  if (config.ok()) return;
  const std::string message(config.status().message());
  EXPECT_TRUE(message.find(" error") != std::string::npos) << what << "\n" << message;
}

TEST(Robustness, TheFilesThatAreMutatedAreValid) {
  for (const File& file : valid_files()) EXPECT_EQ(errors_of(file.name, file.text), "");
}

TEST(Robustness, MutatedFilesAreReadOrRefused) {
  std::mt19937 random(7);
  ConfigFolder folder;
  int valid = 0, total = 0;
  for (const File& file : valid_files()) {
    for (int i = 0; i < 500; ++i) {
      const std::string text = mutated(file.text, random);
      folder.write(file.name, text);
      const auto config = load_config(file.name);
      expect_answer(config, text);
      valid += config.ok();
      ++total;
    }
  }
  // The mutations are neither without effect nor destroy everything.
  EXPECT_GT(valid, total / 50);
  EXPECT_LT(valid, total / 2);
}

TEST(Robustness, MutatedArgumentsAreReadOrRefused) {
  const std::vector<std::string> arguments = {"algorithms+=mixup{alpha: 0.3}",
                                              "model={\"cnn\": {\"channels\": [1, 2]}}",
                                              "algorithms[0].label_smoothing.smoothing=0.2",
                                              "optimizer.sgd={lr: 1 groups {pattern: 'a'}}",
                                              "algorithms[1].plugin.nested.words=[\"a\", 'b']",
                                              "run_name=\"x\""};
  std::mt19937 random(11);
  ConfigFolder folder;
  const File& file = valid_files()[1];
  folder.write(file.name, file.text);
  for (int i = 0; i < 500; ++i) {
    const std::string argument = mutated(arguments[i % arguments.size()], random);
    expect_answer(load_config(file.name, {argument}), argument);
  }
}

TEST(Robustness, EveryPrefixOfAFileIsReadOrRefused) {
  ConfigFolder folder;
  for (const File& file : valid_files()) {
    for (size_t size = 0; size < file.text.size(); ++size) {
      folder.write(file.name, file.text.substr(0, size));
      expect_answer(load_config(file.name), file.text.substr(0, size));
    }
  }
}

std::string repeat(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

TEST(Robustness, DeepNestingIsRefused) {
  constexpr int kDeep = 10000;
  const std::string refused = "values are nested more than 100 deep\n";
  const auto ends_with_refusal = [&](const std::string& name, const std::string& text) {
    const std::string errors = errors_of(name, text);
    EXPECT_NE(errors.find(refused), std::string::npos) << name << ": " << errors.substr(0, 500);
  };
  ends_with_refusal("a.textproto", "algorithms { plugin { [composer.test.Everything] {" +
                                       repeat("nested {", kDeep) + repeat("}", kDeep) + "}}}");
  ends_with_refusal("a.textproto", "seed: " + repeat("[", kDeep) + repeat("]", kDeep));
  ends_with_refusal("a.textproto", "seed: " + repeat("[", kDeep));
  ends_with_refusal("a.yaml", "seed: " + repeat("[", kDeep) + repeat("]", kDeep));
  ends_with_refusal("a.yaml", "seed: " + repeat("{a: ", kDeep) + repeat("}", kDeep));
  ends_with_refusal("a.json", "{\"seed\": " + repeat("[", kDeep) + repeat("]", kDeep) + "}");
  std::string block;
  for (int i = 0; i < 1000; ++i) block += std::string(i, ' ') + "a:\n";
  ends_with_refusal("a.yaml", block);
  const std::string argument = "model=" + repeat("{mlp ", kDeep);
  EXPECT_NE(errors_of("a.textproto", "model { cnn {} }", {argument}).find("nested more than 100"),
            std::string::npos);
}

TEST(Robustness, ManyAliasesAreRefused) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string alias = absl::StrCat("*a", i - 1);
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [", alias);
    for (int k = 1; k < 10; ++k) absl::StrAppend(&bomb, ", ", alias);
    absl::StrAppend(&bomb, "]\n");
  }
  const std::string errors = errors_of("a.yaml", bomb);
  EXPECT_NE(errors.find("more than 100000 values after aliases are replaced"), std::string::npos)
      << errors.substr(0, 500);
  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 200; ++i) absl::StrAppend(&deep, "a", i, ": &a", i, " [*a", i - 1, "]\n");
  EXPECT_NE(errors_of("a.yaml", deep).find("nested more than 100"), std::string::npos);
  EXPECT_NE(errors_of("a.yaml", "a: &a [*a]\n").find("a.yaml:1:"), std::string::npos);
}

TEST(Robustness, LargeFilesAreAnsweredInReasonableTime) {
  const std::string many = "model { cnn { channels: [" + repeat("8, ", 50000) + "8] } }";
  EXPECT_EQ(errors_of("a.textproto", many), "");
  EXPECT_EQ(errors_of("a.yaml", "model: {cnn: {channels: [" + repeat("8, ", 50000) + "8]}}"), "");
  EXPECT_NE(errors_of("a.textproto", repeat("x: [1]\n", 20000)).find("20000 errors"),
            std::string::npos);
  EXPECT_EQ(errors_of("a.textproto", repeat(" ", 17 << 20)),
            "a.textproto: larger than 16 MiB, which no config is\n1 error");
}

}  // namespace
}  // namespace composer
