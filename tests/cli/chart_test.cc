#include "composer/cli/chart.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/cli/svg_chart.h"
#include "composer/cli/terminal_chart.h"

namespace composer {
namespace {

std::vector<std::string> labels(const std::vector<Tick>& marks) {
  std::vector<std::string> result;
  for (const Tick& mark : marks) result.push_back(mark.label);
  return result;
}

using Labels = std::vector<std::string>;

TEST(Ticks, AreRoundNumbersThatReadAlike) {
  EXPECT_EQ(labels(ticks(0.1, 6, false, true)),
            (Labels{"0", "0.02", "0.04", "0.06", "0.08", "0.10"}));
  EXPECT_EQ(labels(ticks(0.09, 3, false, true)), (Labels{"0", "0.05", "0.10"}));
  EXPECT_EQ(labels(ticks(3e-4, 4, false, true)), (Labels{"0", "1e-4", "2e-4", "3e-4"}));
  EXPECT_EQ(labels(ticks(3, 8, true, false)), (Labels{"0", "1", "2", "3"}));
  EXPECT_EQ(labels(ticks(1407, 4, true, false)), (Labels{"0", "500", "1000"}));
  EXPECT_EQ(labels(ticks(120000, 4, true, false)), (Labels{"0", "50k", "100k"}));
  EXPECT_EQ(labels(ticks(2.5e9, 6, true, false)),
            (Labels{"0", "500M", "1000M", "1500M", "2000M", "2500M"}));
  EXPECT_EQ(labels(ticks(0, 4, true, false)).size(), 1u);
}

Chart falling() {
  return {.title = "Learning rate",
          .subtitle = "a.textproto",
          .x_label = "batches",
          .y_label = "learning rate",
          .x_end = 4,
          .x_is_whole = true,
          .series = {{"", {{0, 0.1}, {1, 0.05}, {2, 0.05}, {3, 0}}}}};
}

// Characters, not bytes, of UTF-8.
int columns(absl::string_view line) {
  int count = 0;
  for (const char c : line) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

TEST(TerminalChart, IsWhatItWasInAscii) {
  EXPECT_EQ(draw_in_terminal(falling(), {.columns = 46}), R"(Learning rate, a.textproto
0.10 +'''''''''':
     |          :
     |          :
     |          :
     |          :
0.05 +          :...................
     |                             :
     |                             :
     |                             :
     |                             :
   0 +                             :..........
     ++-------------------+------------------+
      0                   2                  4
                      batches)");
}

TEST(TerminalChart, IsWhatItWasInBraille) {
  EXPECT_EQ(draw_in_terminal(falling(), {.columns = 46, .unicode = true}),
            R"(Learning rate, a.textproto
0.10 ┤⠉⠉⠉⠉⠉⠉⠉⠉⠉⠉⡇
     │          ⡇
     │          ⡇
     │          ⡇
     │          ⡇
0.05 ┤          ⠧⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⢤
     │                             ⢸
     │                             ⢸
     │                             ⢸
     │                             ⢸
   0 ┤                             ⢸⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀
     └┬───────────────────┬──────────────────┬
      0                   2                  4
                      batches)");
}

TEST(TerminalChart, FitsTheTerminal) {
  Chart chart = falling();
  chart.series.push_back({"\"bias$\"", {{0, 123.5}, {2, 7}}});
  for (const bool unicode : {false, true}) {
    for (const int width : {40, 60, 79, 200}) {
      const std::string text = draw_in_terminal(chart, {.columns = width, .unicode = unicode});
      int widest = 0;
      for (const auto line : absl::StrSplit(text, '\n')) widest = std::max(widest, columns(line));
      EXPECT_EQ(widest, width) << text;
      EXPECT_EQ(columns(text) == static_cast<int>(text.size()), !unicode);
    }
  }
}

TEST(TerminalChart, HasAPanelForEachSeries) {
  Chart chart = falling();
  chart.series = {{"first", {{0, 1}}}, {"second", {{0, 0}}}};
  const std::string text = draw_in_terminal(chart, {.columns = 60});
  EXPECT_TRUE(absl::StrContains(text, "\n\nfirst\n")) << text;
  EXPECT_TRUE(absl::StrContains(text, "\n\nsecond\n")) << text;
}

TEST(SvgChart, DrawsEachValueUntilTheNext) {
  const std::string svg = draw_as_svg(falling());
  EXPECT_TRUE(absl::StartsWith(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\"")) << svg;
  // From x 72 to 696 and from y 344 (0) to 64 (0.1).
  EXPECT_TRUE(absl::StrContains(svg, "d=\"M72.0 64.0H228.0V204.0H384.0V204.0H540.0V344.0H696.0\""))
      << svg;
  for (const char* text :
       {">Learning rate<", ">a.textproto<", ">batches<", ">learning rate<", ">0.10<", ">4<"}) {
    EXPECT_TRUE(absl::StrContains(svg, text)) << text;
  }
  EXPECT_FALSE(absl::StrContains(svg, "legend"));
}

TEST(SvgChart, NamesSeveralSeriesAndEscapesTheirNames) {
  Chart chart = falling();
  chart.series = {{"\"a<b&c>\"", {{0, 1}}}, {"second", {{0, 0.5}}}};
  const std::string svg = draw_as_svg(chart);
  EXPECT_TRUE(absl::StrContains(svg, ">&quot;a&lt;b&amp;c&gt;&quot;<")) << svg;
  EXPECT_TRUE(absl::StrContains(svg, ">second<")) << svg;
}

}  // namespace
}  // namespace composer
