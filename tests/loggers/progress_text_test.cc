#include "composer/loggers/progress_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

namespace composer {
namespace {

BarState halfway() {
  return {.label = "epoch 2/3",
          .batches = 50,
          .total_batches = 100,
          .samples = 6400,
          .seconds = 5,
          .metrics = {{"loss", 0.5}, {"accuracy", 0.8125}}};
}

TEST(RenderBarTest, ShowsEverythingWhereThereIsRoom) {
  EXPECT_EQ(render_bar(halfway(), 120),
            "epoch 2/3   50%  [==================>                 ]  50/100  loss 0.5000  "
            "accuracy 0.8125  1.3k samples/s  0:05 left");
}

TEST(RenderBarTest, LeavesOutTheLeastImportantFirst) {
  EXPECT_EQ(
      render_bar(halfway(), 100),
      "epoch 2/3   50%  [========>       ]  50/100  loss 0.5000  accuracy 0.8125  1.3k samples/s  "
      "0:05 left");
  EXPECT_EQ(render_bar(halfway(), 80),
            "epoch 2/3   50%  [==> ]  loss 0.5000  accuracy 0.8125  1.3k samples/s  0:05 left");
  EXPECT_EQ(render_bar(halfway(), 60),
            "epoch 2/3  [===>   ]  loss 0.5000  1.3k samples/s  0:05 left");
  EXPECT_EQ(render_bar(halfway(), 50), "epoch 2/3  [======>      ]  loss 0.5000  0:05 left");
  EXPECT_EQ(render_bar(halfway(), 40), "epoch 2/3   50%  loss 0.5000  0:05 left");
  EXPECT_EQ(render_bar(halfway(), 30), "epoch 2/3   50%  loss 0.5000");
  EXPECT_EQ(render_bar(halfway(), 20), "epoch 2/3   50%");
  EXPECT_EQ(render_bar(halfway(), 5), "epoch");
  EXPECT_EQ(render_bar(halfway(), 0), "");
}

TEST(RenderBarTest, NeverIsWiderThanTheWindow) {
  for (const bool unicode : {false, true}) {
    for (const int64_t batches : {0, 1, 33, 99, 100, 120}) {
      for (int width = 1; width < 160; ++width) {
        BarState state = halfway();
        state.label = "évaluation";
        state.batches = batches;
        const std::string text = render_bar(state, width, {.unicode = unicode});
        const auto columns = std::count_if(text.begin(), text.end(), [](char c) {
          return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
        });
        EXPECT_LE(columns, width) << text;
      }
    }
  }
}

TEST(RenderBarTest, FinishedOneSaysHowLongItTook) {
  BarState state = halfway();
  state.batches = 100;
  state.finished = true;
  EXPECT_EQ(render_bar(state, 80, {.unicode = true}),
            "epoch 2/3  100%  ━━━━━━━  loss 0.5000  accuracy 0.8125  1.3k samples/s  in 5.0 s");
}

TEST(RenderBarTest, CountsAStreamWithoutAnEnd) {
  BarState state = halfway();
  state.total_batches.reset();
  EXPECT_EQ(render_bar(state, 80),
            "epoch 2/3  50 batches  loss 0.5000  accuracy 0.8125  1.3k samples/s");
}

TEST(RenderBarTest, ColoursTakeNoColumns) {
  std::string text = render_bar(halfway(), 80, {.color = true});
  EXPECT_NE(text.find("\033[1mepoch 2/3\033[0m"), std::string::npos);
  for (size_t start; (start = text.find("\033[")) != std::string::npos;) {
    text.erase(start, text.find('m', start) - start + 1);
  }
  EXPECT_EQ(text, render_bar(halfway(), 80));
}

TEST(RenderLineTest, SaysWhereAStepIsAndHowLongAnEpochTook) {
  BarState state = halfway();
  EXPECT_EQ(render_line(state),
            "epoch 2/3  batch 50/100  loss 0.5000  accuracy 0.8125  1.3k samples/s  0:05 left");
  state.finished = true;
  EXPECT_EQ(render_line(state),
            "epoch 2/3  50 batches in 5.0 s  loss 0.5000  accuracy 0.8125  1.3k samples/s");
}

TEST(FormatTest, MetricsKeepTheDigitsThatSaySomething) {
  EXPECT_EQ(format_metric(0), "0.0000");
  EXPECT_EQ(format_metric(0.12345), "0.1235");
  EXPECT_EQ(format_metric(-2.5), "-2.5000");
  EXPECT_EQ(format_metric(12345.67), "12345.7");
  EXPECT_EQ(format_metric(0.0000123), "1.23e-05");
  EXPECT_EQ(format_metric(1e30), "1.00e+30");
  EXPECT_EQ(format_metric(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(format_metric(-std::numeric_limits<double>::infinity()), "-inf");
}

TEST(FormatTest, CountsAreShort) {
  EXPECT_EQ(format_count(0.25), "0.2");
  EXPECT_EQ(format_count(9.96), "10");
  EXPECT_EQ(format_count(950), "950");
  EXPECT_EQ(format_count(999.7), "1.0k");
  EXPECT_EQ(format_count(12345), "12.3k");
  EXPECT_EQ(format_count(123456), "123k");
  EXPECT_EQ(format_count(1234567), "1.2M");
  EXPECT_EQ(format_count(5e9), "5.0G");
}

TEST(FormatTest, TimesAreClocks) {
  EXPECT_EQ(format_clock(7), "0:07");
  EXPECT_EQ(format_clock(754), "12:34");
  EXPECT_EQ(format_clock(3723), "1:02:03");
  EXPECT_EQ(format_duration(8.13), "8.1 s");
  EXPECT_EQ(format_duration(59.96), "1:00");
  EXPECT_EQ(format_duration(75.2), "1:15");
}

TEST(ShortMetricNameTest, KnowsLossesAndMetrics) {
  EXPECT_EQ(short_metric_name("loss/train/total"), "loss");
  EXPECT_EQ(short_metric_name("loss/train/kl"), "kl");
  EXPECT_EQ(short_metric_name("metrics/eval/accuracy"), "accuracy");
  EXPECT_EQ(short_metric_name("lr/group0"), "");
  EXPECT_EQ(short_metric_name("throughput/samples_per_sec"), "");
}

}  // namespace
}  // namespace composer
