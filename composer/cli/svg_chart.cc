#include "composer/cli/svg_chart.h"

#include <array>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace composer {
namespace {

constexpr double kWidth = 720;
constexpr double kHeight = 400;
constexpr double kLeft = 72;
constexpr double kRight = 24;
constexpr double kBottom = 56;
constexpr double kTitle = 64;
constexpr double kLegendRow = 18;

// Told apart by people who do not see red or green as others do (Okabe and Ito).
constexpr std::array<const char*, 7> kColors = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                "#e69f00", "#56b4e9", "#333333"};

std::string escaped(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// Where the plot lies, and which values are at its edges.
struct Frame {
  double top, x_end, y_end;

  double bottom() const { return kHeight - kBottom; }
  double x(double value) const { return kLeft + value / x_end * (kWidth - kLeft - kRight); }
  double y(double value) const { return bottom() - value / y_end * (bottom() - top); }
};

std::string text_at(double x, double y, const char* style, const std::string& text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, style,
                         escaped(text));
}

std::string axes(const Chart& chart, const Frame& frame, const std::vector<Tick>& y_marks) {
  std::string svg;
  for (const Tick& mark : y_marks) {
    const double y = frame.y(mark.value);
    absl::StrAppendFormat(&svg,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
                          kLeft, y, kWidth - kRight, y, mark.value == 0 ? "axis" : "grid");
    absl::StrAppend(&svg, text_at(kLeft - 8, y + 4, "y", mark.label));
  }
  for (const Tick& mark : ticks(chart.x_end, 9, chart.x_is_whole, /*cover=*/false)) {
    const double x = frame.x(mark.value);
    absl::StrAppendFormat(
        &svg, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"axis\"/>\n", x,
        frame.bottom(), x, frame.bottom() + 5);
    absl::StrAppend(&svg, text_at(x, frame.bottom() + 19, "x", mark.label));
  }
  absl::StrAppend(&svg, text_at((kLeft + kWidth - kRight) / 2, kHeight - 14, "x", chart.x_label));
  const double middle = (frame.top + frame.bottom()) / 2;
  absl::StrAppendFormat(&svg,
                        "<text x=\"18\" y=\"%.1f\" class=\"x\" transform=\"rotate(-90 18 %.1f)\">%s"
                        "</text>\n",
                        middle, middle, escaped(chart.y_label));
  return svg;
}

std::string line_of(const Series& series, const Frame& frame, const char* color) {
  std::string path;
  for (const auto& [x, y] : series.steps) {
    if (path.empty()) {
      path = absl::StrFormat("M%.1f %.1f", frame.x(x), frame.y(y));
    } else {
      absl::StrAppendFormat(&path, "H%.1fV%.1f", frame.x(x), frame.y(y));
    }
  }
  absl::StrAppendFormat(&path, "H%.1f", frame.x(frame.x_end));
  return absl::StrFormat("<path d=\"%s\" class=\"line\" stroke=\"%s\"/>\n", path, color);
}

}  // namespace

std::string draw_as_svg(const Chart& chart) {
  const bool legend = chart.series.size() > 1;
  const std::vector<Tick> y_marks =
      ticks(largest_value(chart.series), 6, /*whole=*/false, /*cover=*/true);
  const Frame frame = {
      .top = kTitle + (legend ? kLegendRow * static_cast<double>(chart.series.size()) : 0),
      .x_end = chart.x_end,
      .y_end = y_marks.back().value};

  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f "
      "%.0f\" role=\"img\">\n<title>%s</title>\n"
      "<style>\n"
      "text { font: 12px system-ui, \"DejaVu Sans\", sans-serif; fill: #444 }\n"
      ".title { font-size: 17px; font-weight: 600; fill: #111 }\n"
      ".x { text-anchor: middle }\n"
      ".y { text-anchor: end }\n"
      ".grid { stroke: #e4e4e4 }\n"
      ".axis { stroke: #888 }\n"
      ".line { fill: none; stroke-width: 2; stroke-linejoin: round }\n"
      "</style>\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
      kWidth, kHeight, kWidth, kHeight, escaped(chart.title));
  absl::StrAppend(&svg, text_at(kLeft, 28, "title", chart.title));
  absl::StrAppend(&svg, text_at(kLeft, 47, "subtitle", chart.subtitle));
  absl::StrAppend(&svg, axes(chart, frame, y_marks));
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const char* color = kColors[i % kColors.size()];
    absl::StrAppend(&svg, line_of(chart.series[i], frame, color));
    if (!legend) continue;
    const double y = kTitle + kLegendRow * static_cast<double>(i);
    absl::StrAppendFormat(&svg,
                          "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"line\" "
                          "stroke=\"%s\"/>\n",
                          kLeft, y, kLeft + 22, y, color);
    absl::StrAppend(&svg, text_at(kLeft + 30, y + 4, "legend", chart.series[i].label));
  }
  return absl::StrCat(svg, "</svg>\n");
}

}  // namespace composer
