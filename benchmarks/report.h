#pragma once

#include <string>
#include <utility>
#include <vector>

namespace composer::benchmarks {

/// What one variant of a case measured, one value a run.
struct Series {
  std::string variant;
  std::vector<double> values;
};

/// The value below which `quantile` of `values` lie, interpolated. REQUIRES: not empty.
double quantile(std::vector<double> values, double quantile);

/// Prints one JSON object a variant on stdout: `benchmark`, `case`, `variant`, `unit`, `median`,
/// `p10`, `p90`, `runs`, and `ratio`, this variant's median over each other's.
void print_report(const std::string& benchmark, const std::string& name, const std::string& unit,
                  const std::vector<Series>& series);

}  // namespace composer::benchmarks
