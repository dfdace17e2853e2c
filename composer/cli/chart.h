#pragma once

#include <string>
#include <utility>
#include <vector>

namespace composer {

/// A line of a chart: a value from its x to the next one's.
struct Series {
  /// Empty when there is only one.
  std::string label;
  /// In increasing x, from 0 on.
  std::vector<std::pair<double, double>> steps;
};

/// Lines over one axis of time. Values are at least 0, and 0 is part of the chart.
struct Chart {
  std::string title;
  /// Says more, in smaller letters.
  std::string subtitle;
  std::string x_label;
  std::string y_label;
  /// Where the last value of each line ends. Above 0.
  double x_end = 1;
  /// The x axis counts whole things, so its marks are whole numbers.
  bool x_is_whole = false;
  std::vector<Series> series;
};

struct Tick {
  double value;
  std::string label;
};

/// At most `count` (2 or more) round numbers from 0 to about `end`: those up to `end`, or, with
/// `cover`, one more where that is needed to reach it.
std::vector<Tick> ticks(double end, int count, bool whole, bool cover);

/// The largest value of a series; 1 when all are 0.
double largest_value(const std::vector<Series>& series);

}  // namespace composer
