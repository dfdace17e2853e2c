#include "composer/core/precisions.h"

#include <ATen/cpu/Utils.h>

#include <array>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"

namespace composer {
namespace {

constexpr std::array<std::pair<Precision, absl::string_view>, 4> kNames = {{
    {Precision::kFp32, "fp32"},
    {Precision::kAmpBf16, "amp_bf16"},
    {Precision::kAmpFp16, "amp_fp16"},
    {Precision::kBf16, "bf16"},
}};

}  // namespace

absl::string_view precision_name(Precision precision) {
  return kNames.at(static_cast<size_t>(precision)).second;
}

absl::StatusOr<Precision> parse_precision(absl::string_view name) {
  std::vector<std::string> names;
  for (const auto& [precision, known] : kNames) {
    if (known == name) return precision;
    names.emplace_back(known);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no precision \"", name, "\"; there are ", enumerate(names, "and")));
}

ProcessorTypes ProcessorTypes::of_this_one() {
  const std::unordered_map<std::string, c10::IValue> features = at::cpu::get_cpu_capabilities();
  const auto has = [&](const char* feature) {
    const auto found = features.find(feature);
    return found != features.end() && found->second.toBool();
  };
  const auto name = features.find("cpu_name");
  return {.bf16 = has("avx512_bf16") || has("amx_bf16"),
          .fp16 = has("avx512_fp16") || has("amx_fp16"),
          .name = name == features.end() ? "of unknown name" : name->second.toStringRef()};
}

absl::Status check_worthwhile(Precision precision, at::Device device,
                              const ProcessorTypes& processor) {
  if (precision == Precision::kFp32 || !device.is_cpu()) return absl::OkStatus();
  const bool fp16 = precision == Precision::kAmpFp16;
  if (fp16 ? processor.fp16 : processor.bf16) return absl::OkStatus();
  const absl::string_view type = fp16 ? "FP16" : "BF16";
  return field_error(
      "precision",
      absl::StrCat(precision_name(precision), " would be slower than fp32: the processor (",
                   processor.name, ") has neither AVX512_", type, " nor AMX_", type, "; take fp32",
                   fp16 && processor.bf16 ? " or amp_bf16" : "",
                   ", or set allow_slow_precision: true"));
}

}  // namespace composer
