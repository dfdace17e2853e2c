#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "composer/core/metric.h"

namespace composer {

/// What a line about progress says. Functions of this file are pure.
struct BarState {
  /// "Epoch 2/3", or an evaluator's label.
  std::string label;
  int64_t batches = 0;
  /// Unknown for a stream: no bar then, a count.
  std::optional<int64_t> total_batches;
  int64_t samples = 0;
  double seconds = 0;
  /// In order of importance, the last are left out first. Names as they are shown.
  MetricValues metrics = {};
  /// The line stays: says how long it took in the place of how long it takes.
  bool finished = false;
};

struct BarStyle {
  bool color = false;
  /// Draws the bar with "━" in the place of "=".
  bool unicode = false;
};

/// One line of at most `width` columns: label, percentage, bar, count, metrics, samples per second
/// and time left. What does not fit is left out, the least important first. Colours are escape
/// sequences without width.
std::string render_bar(const BarState& state, int width, const BarStyle& style = {});

/// The same for a log file: without a bar, whatever its length.
std::string render_line(const BarState& state);

/// "0.1234", "1234.5" or "1.23e-05": four decimals where they say something.
std::string format_metric(double value);
/// "950", "12.3k" or "1.2M".
std::string format_count(double value);
/// "0:07", "12:34" or "1:02:03".
std::string format_clock(double seconds);
/// "8.1 s", and as a clock from a minute on.
std::string format_duration(double seconds);

/// The name under which a bar shows a metric: "loss" for "loss/train/total", "accuracy" for
/// "metrics/train/accuracy", empty for one that a bar does not show, such as "lr/group0".
std::string short_metric_name(absl::string_view name);

}  // namespace composer
