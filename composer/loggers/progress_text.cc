#include "composer/loggers/progress_text.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace composer {
namespace {

constexpr int kWidestBar = 40;
constexpr int kNarrowestBar = 6;
constexpr absl::string_view kGap = "  ";

constexpr absl::string_view kBold = "\033[1m";
constexpr absl::string_view kDim = "\033[2m";
constexpr absl::string_view kCyan = "\033[36m";
constexpr absl::string_view kGreen = "\033[32m";
constexpr absl::string_view kReset = "\033[0m";

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

int columns(absl::string_view text) {
  return static_cast<int>(
      std::count_if(text.begin(), text.end(), [](char c) { return !continues_character(c); }));
}

absl::string_view first_columns(absl::string_view text, int width) {
  size_t end = 0;
  int used = 0;
  while (end < text.size() && (used < width || continues_character(text[end]))) {
    if (!continues_character(text[end])) ++used;
    ++end;
  }
  return text.substr(0, end);
}

double fraction(const BarState& state) {
  if (!state.total_batches.has_value() || *state.total_batches <= 0) return 0;
  return std::min(1.0, static_cast<double>(state.batches) / *state.total_batches);
}

std::string rate_text(const BarState& state) {
  if (state.seconds <= 0 || state.samples <= 0) return "";
  return absl::StrCat(format_count(state.samples / state.seconds), " samples/s");
}

std::string time_text(const BarState& state) {
  if (state.finished) return absl::StrCat("in ", format_duration(state.seconds));
  const double done = fraction(state);
  if (done <= 0 || state.seconds <= 0) return "";
  return absl::StrCat(format_clock(std::ceil(state.seconds * (1 - done) / done)), " left");
}

std::string count_text(const BarState& state) {
  if (state.total_batches.has_value())
    return absl::StrCat(state.batches, "/", *state.total_batches);
  return absl::StrCat(state.batches, state.batches == 1 ? " batch" : " batches");
}

std::string metric_text(const std::pair<std::string, double>& metric) {
  return absl::StrCat(metric.first, " ", format_metric(metric.second));
}

std::string repeated(absl::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) absl::StrAppend(&result, text);
  return result;
}

// `width` columns, brackets included.
std::string draw_bar(const BarState& state, int width, const BarStyle& style) {
  if (!style.unicode) {
    const int inner = width - 2;
    const int filled = static_cast<int>(fraction(state) * inner);
    const bool head = filled < inner;
    return absl::StrCat("[", std::string(filled, '='), head ? ">" : "",
                        std::string(inner - filled - (head ? 1 : 0), ' '), "]");
  }
  const int halves = static_cast<int>(fraction(state) * width * 2);
  const std::string filled = absl::StrCat(repeated("━", halves / 2), halves % 2 == 1 ? "╸" : "");
  const int rest = width - (halves + 1) / 2;
  if (!style.color) return absl::StrCat(filled, std::string(rest, ' '));
  return absl::StrCat(state.finished ? kGreen : kCyan, filled, kReset, kDim, repeated("━", rest),
                      kReset);
}

// Of the bar among the parts.
constexpr int kBarRank = 4;

// A part of the line; when not all fit, those of the highest rank go first.
struct Part {
  std::string text;
  int rank;
  absl::string_view color = "";
};

int joined_columns(const std::vector<Part>& parts) {
  int total = 0;
  for (const Part& part : parts) {
    total += columns(part.text) + (total > 0 ? static_cast<int>(kGap.size()) : 0);
  }
  return total;
}

}  // namespace

std::string render_bar(const BarState& state, int width, const BarStyle& style) {
  if (width <= 0) return "";
  const std::string percentage = absl::StrFormat("%3d%%", static_cast<int>(fraction(state) * 100));
  const bool has_bar = state.total_batches.has_value();
  std::vector<Part> parts = {{state.label, 0, kBold}};
  if (has_bar) {
    parts.push_back({percentage, 50});
    parts.push_back({"", kBarRank});  // drawn when its width is known
  }
  parts.push_back({count_text(state), has_bar ? 60 : 1});
  for (size_t i = 0; i < state.metrics.size(); ++i) {
    parts.push_back({metric_text(state.metrics[i]), i == 0 ? 2 : 10 + static_cast<int>(i)});
  }
  parts.push_back({rate_text(state), 6, kDim});
  parts.push_back({time_text(state), 3, kDim});
  parts.erase(
      std::remove_if(parts.begin(), parts.end(),
                     [](const Part& part) { return part.text.empty() && part.rank != kBarRank; }),
      parts.end());

  const auto bar_at = [&] {
    return std::find_if(parts.begin(), parts.end(),
                        [](const Part& part) { return part.rank == kBarRank; });
  };
  const auto needed = [&] {
    return joined_columns(parts) + (bar_at() == parts.end() ? 0 : kNarrowestBar);
  };
  while (needed() > width && parts.size() > 1) {
    const auto least = std::max_element(
        parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.rank < b.rank; });
    if (least->rank == kBarRank) {
      *least = {percentage, 1};  // left out before, shorter than a bar
    } else {
      parts.erase(least);
    }
  }
  if (parts.size() == 1) parts[0].text = std::string(first_columns(parts[0].text, width));
  if (const auto bar = bar_at(); bar != parts.end()) {
    bar->text = draw_bar(state, std::min(kWidestBar, width - joined_columns(parts)), style);
  }

  std::string line;
  for (const Part& part : parts) {
    if (!line.empty()) absl::StrAppend(&line, kGap);
    if (style.color && !part.color.empty()) {
      absl::StrAppend(&line, part.color, part.text, kReset);
    } else {
      absl::StrAppend(&line, part.text);
    }
  }
  return line;
}

std::string render_line(const BarState& state) {
  std::string line = state.label;
  const auto append = [&line](absl::string_view text) {
    if (!text.empty()) absl::StrAppend(&line, kGap, text);
  };
  append(state.finished ? absl::StrCat(state.batches, state.batches == 1 ? " batch " : " batches ",
                                       time_text(state))
                        : absl::StrCat("batch ", count_text(state)));
  for (const auto& metric : state.metrics) append(metric_text(metric));
  append(rate_text(state));
  if (!state.finished) append(time_text(state));
  return line;
}

std::string format_metric(double value) {
  const double size = std::abs(value);
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (size != 0 && (size < 1e-3 || size >= 1e6)) return absl::StrFormat("%.2e", value);
  return absl::StrFormat("%.*f", size < 100 ? 4 : 1, value);
}

std::string format_count(double value) {
  if (value < 9.95) return absl::StrFormat("%.1f", value);
  if (value < 999.5) return absl::StrFormat("%.0f", value);
  if (value < 999.5e3) return absl::StrFormat("%.*fk", value < 99.95e3 ? 1 : 0, value / 1e3);
  if (value < 999.5e6) return absl::StrFormat("%.*fM", value < 99.95e6 ? 1 : 0, value / 1e6);
  return absl::StrFormat("%.1fG", value / 1e9);
}

std::string format_clock(double seconds) {
  const auto whole = static_cast<int64_t>(std::max(0.0, seconds));
  if (whole < 3600) return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string format_duration(double seconds) {
  if (seconds >= 59.95) return format_clock(seconds + 0.5);
  return absl::StrFormat("%.1f s", std::max(0.0, seconds));
}

std::string short_metric_name(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, absl::MaxSplits('/', 2));
  if (parts.size() != 3) return "";
  if (parts[0] == "loss") return std::string(parts[2] == "total" ? "loss" : parts[2]);
  if (parts[0] == "metrics") return std::string(parts[2]);
  return "";
}

}  // namespace composer
