#include "benchmarks/report.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace composer::benchmarks {

double quantile(std::vector<double> values, double quantile) {
  std::sort(values.begin(), values.end());
  const double position = quantile * static_cast<double>(values.size() - 1);
  const size_t below = static_cast<size_t>(position);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (position - static_cast<double>(below));
}

void print_report(const std::string& benchmark, const std::string& name, const std::string& unit,
                  const std::vector<Series>& series) {
  for (const Series& own : series) {
    const double median = quantile(own.values, 0.5);
    std::vector<std::string> ratios;
    for (const Series& other : series) {
      if (&other == &own) continue;
      ratios.push_back(
          absl::StrFormat("\"%s\": %.4g", other.variant, median / quantile(other.values, 0.5)));
    }
    absl::PrintF(
        "{\"benchmark\": \"%s\", \"case\": \"%s\", \"variant\": \"%s\", \"unit\": \"%s\", "
        "\"median\": %.5g, \"p10\": %.5g, \"p90\": %.5g, \"runs\": %d, \"ratio\": {%s}}\n",
        benchmark, name, own.variant, unit, median, quantile(own.values, 0.1),
        quantile(own.values, 0.9), own.values.size(), absl::StrJoin(ratios, ", "));
  }
  std::fflush(stdout);
}

}  // namespace composer::benchmarks
