#pragma once

#include <c10/core/Device.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/core/precision.h"

namespace composer {

/// "fp32", "amp_bf16", "amp_fp16" or "bf16", as configs have it.
absl::string_view precision_name(Precision precision);
/// InvalidArgument, with the names that there are, for any other.
absl::StatusOr<Precision> parse_precision(absl::string_view name);

/// What a processor multiplies in its own units, rather than in float32 after a conversion.
struct ProcessorTypes {
  bool bf16 = false;
  bool fp16 = false;
  /// "AMD EPYC"; for messages.
  std::string name = {};

  /// bfloat16 by AVX512_BF16 or AMX_BF16, float16 by AVX512_FP16 or AMX_FP16. Found out from the
  /// processor's features, never by timing, so that a run repeats itself.
  static ProcessorTypes of_this_one();
};

/// Where half precision would be slower than fp32: a field_error of `precision` that says why, and
/// what would be right. That is on processors that do not multiply its type; measured, steps took
/// 1.6 to 4 times as long there in bfloat16, and 2.5 to 16 times in float16. Where they do, models
/// of some hundred units gain, and very small ones lose: converting costs more than it brings.
absl::Status check_worthwhile(Precision precision, at::Device device,
                              const ProcessorTypes& processor);

}  // namespace composer
