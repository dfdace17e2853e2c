#include "composer/trainer/from_config.h"

#include <gtest/gtest.h>

#include <string>

#include "composer/base/status.h"
#include "google/protobuf/text_format.h"

namespace composer {
namespace {

absl::StatusOr<TrainerOptions> options_of(const std::string& text) {
  config::Run run;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "model { mlp { input_size: 4 num_classes: 3 } } device: 'cpu' " + text, &run))
      << text;
  return build_trainer_options(run, {});
}

TEST(TrainerFromConfigTest, PrecisionAndTheSettingsOfTheProcess) {
  const auto plain = options_of("");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->precision, Precision::kFp32);
  EXPECT_FALSE(plain->allow_slow_precision);
  EXPECT_FALSE(plain->deterministic);
  EXPECT_FALSE(plain->cudnn_benchmark);
  EXPECT_TRUE(plain->allow_tf32);
  EXPECT_EQ(plain->grad_scaler, nullptr);

  const auto other = options_of(
      "precision: bf16 allow_slow_precision: true cudnn_benchmark: true allow_tf32: false");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->precision, Precision::kBf16);
  EXPECT_TRUE(other->allow_slow_precision);
  EXPECT_TRUE(other->cudnn_benchmark);
  EXPECT_FALSE(other->allow_tf32);
  EXPECT_EQ(options_of("precision: amp_bf16")->precision, Precision::kAmpBf16);
}

TEST(TrainerFromConfigTest, AGradScalerHasItsSettings) {
  const auto options = options_of(
      "precision: amp_fp16 grad_scaler { init_scale: 8 growth_factor: 3 backoff_factor: 0.25 "
      "growth_interval: 7 min_scale: 16 }");
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_NE(options->grad_scaler, nullptr);
  const StateDict state = options->grad_scaler->state_dict();
  EXPECT_EQ(*state.number("scale"), 8);
  EXPECT_EQ(*state.number("growth_factor"), 3);
  EXPECT_EQ(*state.number("backoff_factor"), 0.25);
  EXPECT_EQ(*state.integer("growth_interval"), 7);
  EXPECT_FALSE(options->grad_scaler->expects_overflow()) << "the scale is below the least one";

  const auto defaults = options_of("precision: amp_fp16 grad_scaler {}");
  EXPECT_EQ(*defaults->grad_scaler->state_dict().number("scale"), 65536);
  EXPECT_EQ(*defaults->grad_scaler->state_dict().integer("growth_interval"), 2000);
}

TEST(TrainerFromConfigTest, AGradScalerForAPrecisionWithoutAScaleIsRefused) {
  const absl::Status status = options_of("precision: amp_bf16 grad_scaler {}").status();
  EXPECT_EQ(field_of(status), "grad_scaler");
  EXPECT_EQ(status.message(), "scales the loss of amp_fp16; precision is amp_bf16");
}

}  // namespace
}  // namespace composer
