#include "composer/config/differences.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "proto/run.pb.h"
#include "tests/config/plugin.pb.h"

namespace composer {
namespace {

std::string differences(const std::string& first, const std::string& second) {
  config::Run a, b;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(first, &a));
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(second, &b));
  std::string text;
  for (const FieldDifference& difference : stateful_differences(a, b)) {
    absl::StrAppend(&text, difference.path, ": ", difference.first, " | ", difference.second, "\n");
  }
  return text;
}

TEST(StatefulDifferences, AnUnsetFieldEqualsItsDefault) {
  EXPECT_EQ(differences("seed: 17 model { cnn { } }", "model { cnn { num_classes: 10 } }"), "");
  EXPECT_EQ(differences("", "seed: 3"), "seed: 17 | 3\n");
  EXPECT_EQ(differences("train { }", "train { shuffle: false batch_size: 0 }"),
            "train.batch_size: unset | 0\ntrain.shuffle: unset | false\n");
}

TEST(StatefulDifferences, StatelessFieldsMayDifferWithAllBelowThem) {
  EXPECT_EQ(differences("run_name: 'a' output_dir: 'b' device: 'cpu' loggers { jsonl { } }",
                        "weights: 'x' loggers { console { } } loggers { jsonl { } }"),
            "");
  EXPECT_EQ(differences("train { dataset { fashion_mnist { dir: 'a' } } }",
                        "train { dataset { fashion_mnist { dir: 'b' split: TEST } } }"),
            "train.dataset.fashion_mnist.split: TRAIN | TEST\n");
}

TEST(StatefulDifferences, TwoMembersOfAOneofAreOneDifference) {
  EXPECT_EQ(differences("model { cnn { channels: 3 } }", "model { mlp_encoder { } }"),
            "model: cnn { channels: 3 } | mlp_encoder { }\n");
  EXPECT_EQ(differences("model { }", "model { cnn { } }"), "model: unset | cnn { }\n");
}

TEST(StatefulDifferences, AChoiceAndTheFieldsBesideItAreComparedApart) {
  EXPECT_EQ(differences("optimizer { sgd { lr: 1 } parameters: 'a' }",
                        "optimizer { adamw { } parameters: 'b' }"),
            "optimizer: sgd { lr: 1 } | adamw { }\n"
            "optimizer.parameters: \"a\" | \"b\"\n");
}

TEST(StatefulDifferences, Lists) {
  EXPECT_EQ(differences("model { cnn { channels: [1, 2] } }", "model { cnn { channels: [1, 3] } }"),
            "model.cnn.channels: [1, 2] | [1, 3]\n");
  EXPECT_EQ(differences("algorithms { mixup { } } algorithms { label_smoothing { } }",
                        "algorithms { mixup { alpha: 1 } }"),
            "algorithms[0].mixup.alpha: 0.2 | 1\n"
            "algorithms[1]: { label_smoothing { } } | unset\n");
}

TEST(StatefulDifferences, PluginsAreComparedByTheirFields) {
  const auto plugin = [](const std::string& fields) {
    return absl::StrCat("algorithms { plugin { [type.googleapis.com/",
                        test::Everything::descriptor()->full_name(), "] { needed: 1 ", fields,
                        " } } }");
  };
  EXPECT_EQ(differences(plugin("colour: GREEN"), plugin("")), "");
  EXPECT_EQ(differences(plugin("numbers: nan"), plugin("numbers: nan")), "");
  EXPECT_EQ(differences(plugin("filled_in: 2"), plugin("")), "");
  EXPECT_EQ(differences(plugin("small: 2 by_number: 1"), plugin("by_name: 'x'")),
            "algorithms[0].plugin.small: 2 | unset\n"
            "algorithms[0].plugin.way: by_number: 1 | by_name: \"x\"\n");
}

}  // namespace
}  // namespace composer
