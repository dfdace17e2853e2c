#include "composer/checkpoint/safetensors_dtypes.h"

#include <algorithm>
#include <array>

namespace composer {
namespace {

struct Dtype {
  absl::string_view name;
  at::ScalarType type;
};

constexpr std::array<Dtype, 17> kDtypes = {{
    {"BOOL", at::kBool},
    {"U8", at::kByte},
    {"I8", at::kChar},
    {"F8_E5M2", at::kFloat8_e5m2},
    {"F8_E4M3", at::kFloat8_e4m3fn},
    {"F8_E8M0", at::kFloat8_e8m0fnu},
    {"I16", at::kShort},
    {"U16", at::kUInt16},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I32", at::kInt},
    {"U32", at::kUInt32},
    {"F32", at::kFloat},
    {"C64", at::kComplexFloat},
    {"F64", at::kDouble},
    {"I64", at::kLong},
    {"U64", at::kUInt64},
}};

}  // namespace

std::optional<at::ScalarType> scalar_type_of(absl::string_view name) {
  const auto found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const Dtype& dtype) { return dtype.name == name; });
  if (found == kDtypes.end()) return std::nullopt;
  return found->type;
}

absl::string_view safetensors_dtype(at::ScalarType type) {
  const auto found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const Dtype& dtype) { return dtype.type == type; });
  return found == kDtypes.end() ? absl::string_view() : found->name;
}

}  // namespace composer
