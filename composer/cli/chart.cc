#include "composer/cli/chart.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace composer {
namespace {

// 1, 2 or 5 times a power of ten, at least `least`.
double round_step(double least) {
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double digit : {1, 2, 5}) {
    if (digit * power >= least * (1 - 1e-9)) return digit * power;
  }
  return 10 * power;
}

std::string tick_label(double value, double step) {
  if (value == 0) return "0";
  if (step >= 1e6) return absl::StrCat(absl::StrFormat("%.6g", value / 1e6), "M");
  if (step >= 1e3) return absl::StrCat(absl::StrFormat("%.6g", value / 1e3), "k");
  if (step < 1e-3) {
    const int exponent = static_cast<int>(std::floor(std::log10(value) + 1e-9));
    return absl::StrFormat("%.3ge%d", value / std::pow(10, exponent), exponent);
  }
  // As many decimals as the step has, so that the labels of an axis are alike.
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return absl::StrFormat("%.*f", decimals, value);
}

}  // namespace

std::vector<Tick> ticks(double end, int count, bool whole, bool cover) {
  double step = round_step(end / (count - 1));
  if (whole) step = std::max(step, 1.0);
  const double last = end / step;
  const int steps = static_cast<int>(cover ? std::ceil(last - 1e-9) : std::floor(last + 1e-9));
  std::vector<Tick> result;
  for (int i = 0; i <= steps; ++i) result.push_back({i * step, tick_label(i * step, step)});
  return result;
}

double largest_value(const std::vector<Series>& series) {
  double largest = 0;
  for (const Series& line : series) {
    for (const auto& [x, value] : line.steps) largest = std::max(largest, value);
  }
  return largest > 0 ? largest : 1;
}

}  // namespace composer
