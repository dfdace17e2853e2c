#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace composer {

/// `value` in a report for people and other programs. JSON has no NaN and no infinity: these are
/// the strings "nan", "inf" and "-inf".
inline nlohmann::ordered_json json_number(double value) {
  if (std::isfinite(value)) return value;
  return absl::StrCat(value);
}

}  // namespace composer
