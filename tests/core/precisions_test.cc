#include "composer/core/precisions.h"

#include <ATen/cpu/Utils.h>
#include <gtest/gtest.h>

#include "composer/base/status.h"

namespace composer {
namespace {

TEST(PrecisionNamesTest, AreReadAsTheyArePrinted) {
  for (const char* name : {"fp32", "amp_bf16", "amp_fp16", "bf16"}) {
    const absl::StatusOr<Precision> precision = parse_precision(name);
    ASSERT_TRUE(precision.ok()) << precision.status();
    EXPECT_EQ(precision_name(*precision), name);
  }
  EXPECT_EQ(*parse_precision("bf16"), Precision::kBf16);
  EXPECT_EQ(parse_precision("fp16").status(),
            absl::InvalidArgumentError(
                "no precision \"fp16\"; there are fp32, amp_bf16, amp_fp16 and bf16"));
}

TEST(CheckWorthwhileTest, ATypeThatTheProcessorMultipliesIsTaken) {
  const ProcessorTypes both = {.bf16 = true, .fp16 = true};
  for (const Precision precision :
       {Precision::kFp32, Precision::kAmpBf16, Precision::kAmpFp16, Precision::kBf16}) {
    EXPECT_TRUE(check_worthwhile(precision, at::kCPU, both).ok());
    EXPECT_TRUE(check_worthwhile(precision, at::kCUDA, {}).ok()) << "a GPU computes by itself";
  }
  EXPECT_TRUE(check_worthwhile(Precision::kFp32, at::kCPU, {}).ok());
}

TEST(CheckWorthwhileTest, OtherTypesAreRefusedWithTheReasonAndWhatWouldBeRight) {
  const absl::Status old = check_worthwhile(Precision::kAmpBf16, at::kCPU, {.name = "Xeon"});
  EXPECT_EQ(field_of(old), "precision");
  EXPECT_EQ(old.message(),
            "amp_bf16 would be slower than fp32: the processor (Xeon) has neither AVX512_BF16 nor "
            "AMX_BF16; take fp32, or set allow_slow_precision: true");
  EXPECT_FALSE(check_worthwhile(Precision::kBf16, at::kCPU, {.fp16 = true}).ok());
  EXPECT_EQ(
      check_worthwhile(Precision::kAmpFp16, at::kCPU, {.bf16 = true, .name = "EPYC"}).message(),
      "amp_fp16 would be slower than fp32: the processor (EPYC) has neither AVX512_FP16 nor "
      "AMX_FP16; take fp32 or amp_bf16, or set allow_slow_precision: true");
}

TEST(ProcessorTypesTest, AreThoseThatLibTorchFinds) {
  const ProcessorTypes types = ProcessorTypes::of_this_one();
  const auto features = at::cpu::get_cpu_capabilities();
  EXPECT_EQ(types.bf16, features.at("avx512_bf16").toBool() || features.at("amx_bf16").toBool());
  EXPECT_EQ(types.fp16, features.at("avx512_fp16").toBool() || features.at("amx_fp16").toBool());
  EXPECT_FALSE(types.name.empty());
}

}  // namespace
}  // namespace composer
