#include "composer/cli/terminal_chart.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace composer {
namespace {

// Dots in a grid of character cells: 2 by 4 to a cell in Braille, 1 by 2 in ASCII.
class Canvas {
 public:
  Canvas(int columns, int rows, bool unicode)
      : columns_(columns),
        rows_(rows),
        unicode_(unicode),
        dots_(static_cast<size_t>(width() * height())) {}

  int width() const { return columns_ * (unicode_ ? 2 : 1); }
  int height() const { return rows_ * (unicode_ ? 4 : 2); }

  // A straight line; both ends are within the canvas, y counts from the top.
  void line(int x0, int y0, int x1, int y1) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i) {
      const double part = static_cast<double>(i) / steps;
      const int x = static_cast<int>(std::lround(x0 + part * (x1 - x0)));
      const int y = static_cast<int>(std::lround(y0 + part * (y1 - y0)));
      dots_[static_cast<size_t>(y * width() + x)] = true;
    }
  }

  // A row of cells, spaces at its end left out.
  std::string row(int row) const {
    std::string text, spaces;
    for (int column = 0; column < columns_; ++column) {
      const std::string cell = unicode_ ? braille(row, column) : ascii(row, column);
      if (cell == " ") {
        spaces += cell;
      } else {
        absl::StrAppend(&text, spaces, cell);
        spaces.clear();
      }
    }
    return text;
  }

 private:
  bool dot(int x, int y) const { return dots_[static_cast<size_t>(y * width() + x)]; }

  std::string ascii(int row, int column) const {
    const bool upper = dot(column, 2 * row), lower = dot(column, 2 * row + 1);
    return upper && lower ? ":" : upper ? "'" : lower ? "." : " ";
  }

  std::string braille(int row, int column) const {
    // Unicode numbers the dots of a cell down the left column, then the right, the last row after.
    constexpr int kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    int bits = 0;
    for (int y = 0; y < 4; ++y) {
      for (int x = 0; x < 2; ++x) {
        if (dot(2 * column + x, 4 * row + y)) bits |= kBits[y][x];
      }
    }
    if (bits == 0) return " ";
    // U+2800 and what follows, in UTF-8.
    return {static_cast<char>(0xE2), static_cast<char>(0xA0 | (bits >> 6)),
            static_cast<char>(0x80 | (bits & 0x3F))};
  }

  int columns_;
  int rows_;
  bool unicode_;
  std::vector<bool> dots_;
};

int rounded(double value, int last) {
  return std::clamp(static_cast<int>(std::lround(value)), 0, last);
}

// A value lasts until the next one, so a fall between two is a vertical line.
void draw(const Series& series, double x_end, double y_end, Canvas& canvas) {
  const auto column = [&](double x) {
    return rounded(x / x_end * (canvas.width() - 1), canvas.width() - 1);
  };
  const auto row = [&](double y) {
    return rounded((1 - y / y_end) * (canvas.height() - 1), canvas.height() - 1);
  };
  for (size_t i = 0; i < series.steps.size(); ++i) {
    const auto& [x, y] = series.steps[i];
    const bool last = i + 1 == series.steps.size();
    const int end = column(last ? x_end : series.steps[i + 1].first);
    canvas.line(column(x), row(y), end, row(y));
    if (!last) canvas.line(end, row(y), end, row(series.steps[i + 1].second));
  }
}

// The line of the x axis and, below it, the numbers of its marks, and what they count.
std::vector<std::string> x_axis(const Chart& chart, int margin, int columns, bool unicode) {
  const std::vector<Tick> marks =
      ticks(chart.x_end, std::max(2, columns / 10), chart.x_is_whole, /*cover=*/false);
  std::vector<std::string> line(static_cast<size_t>(columns), unicode ? "─" : "-");
  std::string numbers;
  for (const Tick& mark : marks) {
    const int column = rounded(mark.value / chart.x_end * (columns - 1), columns - 1);
    line[static_cast<size_t>(column)] = unicode ? "┬" : "+";
    const int width = static_cast<int>(mark.label.size());
    const int begin = std::clamp(column - width / 2, 0, std::max(0, columns - width));
    if (!numbers.empty() && begin <= static_cast<int>(numbers.size())) continue;
    numbers.resize(static_cast<size_t>(begin), ' ');
    numbers += mark.label;
  }
  const std::string indent(static_cast<size_t>(margin), ' ');
  const int label_begin = margin + 1 + (columns - static_cast<int>(chart.x_label.size())) / 2;
  return {absl::StrCat(indent, unicode ? "└" : "+", absl::StrJoin(line, "")),
          absl::StrCat(indent, " ", numbers),
          absl::StrCat(std::string(static_cast<size_t>(label_begin), ' '), chart.x_label)};
}

void draw_panel(const Chart& chart, const Series& series, const TerminalChartStyle& style, int rows,
                std::vector<std::string>& lines) {
  const double largest = largest_value({series});
  const std::vector<Tick> marks = ticks(largest, rows / 2, /*whole=*/false, /*cover=*/true);
  size_t label_width = 0;
  for (const Tick& mark : marks) label_width = std::max(label_width, mark.label.size());
  const int margin = static_cast<int>(label_width) + 1;
  const int columns = std::max(style.columns, 40) - margin - 1;

  Canvas canvas(columns, rows, style.unicode);
  const double y_end = marks.back().value;
  draw(series, chart.x_end, y_end, canvas);

  std::vector<std::string> labels(static_cast<size_t>(rows));
  for (const Tick& mark : marks) {
    const double row = (1 - mark.value / y_end) * (rows - 1);
    labels[static_cast<size_t>(rounded(row, rows - 1))] = mark.label;
  }
  for (int row = 0; row < rows; ++row) {
    const std::string& label = labels[static_cast<size_t>(row)];
    const std::string axis = style.unicode   ? (label.empty() ? "│" : "┤")
                             : label.empty() ? "|"
                                             : "+";
    lines.push_back(absl::StrCat(std::string(label_width - label.size(), ' '), label, " ", axis,
                                 canvas.row(row)));
  }
  for (std::string& line : x_axis(chart, margin, columns, style.unicode)) {
    lines.push_back(std::move(line));
  }
}

}  // namespace

std::string draw_in_terminal(const Chart& chart, const TerminalChartStyle& style) {
  std::vector<std::string> lines = {
      chart.subtitle.empty() ? chart.title : absl::StrCat(chart.title, ", ", chart.subtitle)};
  const int rows = chart.series.size() > 1 ? 7 : 11;
  for (const Series& series : chart.series) {
    if (!series.label.empty()) {
      lines.push_back("");
      lines.push_back(series.label);
    }
    draw_panel(chart, series, style, rows, lines);
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace composer
