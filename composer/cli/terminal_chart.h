#pragma once

#include <string>

#include "composer/cli/chart.h"

namespace composer {

struct TerminalChartStyle {
  /// Columns of a line, at most; 40 are needed.
  int columns = 80;
  /// Draws with Braille dots and box characters in the place of ASCII.
  bool unicode = false;
};

/// The chart as lines of text without a newline at the end, one panel for each series, since lines
/// that are drawn over each other cannot be told apart without colours.
std::string draw_in_terminal(const Chart& chart, const TerminalChartStyle& style);

}  // namespace composer
