#include "composer/config/print.h"

#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/config/config_files.h"
#include "tests/config/plugin.pb.h"

namespace composer {
namespace {

const char kConfig[] = R"(run_name: "ü"
model { cnn { channels: [8, 16] } }
optimizer { sgd { lr: 0.5 } }
algorithms { label_smoothing { } }
algorithms { plugin { [composer.test.Everything] { needed: 1 words: "w" } } }
)";

TEST(PrintResolved, HasEveryValueThatAppliesAndWhereItCameFrom) {
  const auto config = load_text("a.textproto", kConfig, {"optimizer.sgd.momentum=0.9"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(print_resolved(*config), R"(run_name: "ü"        # a.textproto:1:1
output_dir: "runs"
seed: 17
scale_schedule_ratio: 1
device: "auto"
threads: "auto"
deterministic: false
precision: fp32
allow_slow_precision: false
cudnn_benchmark: false
allow_tf32: true
model {
  cnn {              # a.textproto:2:9
    in_channels: 1
    channels: 8      # a.textproto:2:26
    channels: 16     # a.textproto:2:29
    num_classes: 10
    memory_format: AUTO_FORMAT
  }
}
accumulate_train_batch_on_tokens: false
optimizer {
  sgd {              # a.textproto:3:13
    lr: 0.5          # a.textproto:3:19
    momentum: 0.9    # command line: optimizer.sgd.momentum=0.9
    dampening: 0
    weight_decay: 0
    nesterov: false
    no_decay_on_bias_and_norm: false
  }
}
algorithms {
  label_smoothing {  # a.textproto:4:14
    smoothing: 0.1
  }
}
algorithms {
  plugin {           # a.textproto:5:14
    [type.googleapis.com/composer.test.Everything] {
      colour: GREEN
      words: "w"     # a.textproto:5:69
      needed: 1      # a.textproto:5:52
    }
  }
}
)");
}

TEST(PrintResolved, IsReadBackToTheSameByTextFormatAndByUs) {
  const auto config = load_text("a.textproto", kConfig, {"run_name=two\nlines # x"});
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string printed = print_resolved(*config);
  config::Run theirs;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(printed, &theirs)) << printed;
  EXPECT_EQ(canonical_text(theirs), canonical_text(config->run));
  const auto ours = load_text("b.textproto", printed);
  ASSERT_TRUE(ours.ok()) << ours.status();
  EXPECT_EQ(ours->run.DebugString(), theirs.DebugString());
  EXPECT_EQ(ours->run.run_name(), "two\nlines # x");
}

TEST(CanonicalText, AnUnsetFieldAndItsDefaultAreTheSame) {
  config::Run unset, set;
  unset.mutable_model()->mutable_cnn();
  set.mutable_model()->mutable_cnn()->set_num_classes(10);
  set.set_seed(17);
  EXPECT_EQ(canonical_text(unset), canonical_text(set));
  set.set_seed(18);
  EXPECT_NE(canonical_text(unset), canonical_text(set));
}

TEST(CanonicalText, LeavesOutDerivedFieldsThatAreNotFilledIn) {
  test::Everything message;
  EXPECT_EQ(canonical_text(message), "colour: GREEN\n");
  message.set_filled_in(1);
  EXPECT_EQ(canonical_text(message), "colour: GREEN\nfilled_in: 1\n");
}

}  // namespace
}  // namespace composer
