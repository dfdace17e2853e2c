#include "composer/checkpoint/name_template.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"

namespace composer {
namespace {

const NameValues kValues = {.run_name = "mlp",
                            .time = {.iteration = 1,
                                     .epoch = 3,
                                     .batch = 137,
                                     .sample = 17536,
                                     .token = 5,
                                     .batch_in_epoch = 37,
                                     .sample_in_epoch = 4736,
                                     .token_in_epoch = 6,
                                     .total_wct = absl::Milliseconds(90'700)},
                            .now = absl::FromUnixSeconds(1'795'262'645),
                            .rank = 2,
                            .node_rank = 1,
                            .world_size = 8};

std::string expanded(absl::string_view text, const NameValues& values = kValues) {
  const auto parsed = NameTemplate::parse(text);
  if (!parsed.ok()) return std::string(parsed.status().message());
  const auto name = parsed->expand(values);
  return name.ok() ? *name : std::string(name.status().message());
}

TEST(NameTemplateTest, FillsInFields) {
  EXPECT_EQ(expanded("ep{epoch}-ba{batch}"), "ep3-ba137");
  EXPECT_EQ(expanded("{run_name}-r{rank}of{world_size}n{node_rank}"), "mlp-r2of8n1");
  EXPECT_EQ(expanded("{iteration}.{batch_in_epoch}.{sample}.{sample_in_epoch}"), "1.37.17536.4736");
  EXPECT_EQ(expanded("{token}-{token_in_epoch}-{total_wct}"), "5-6-90");
  EXPECT_EQ(expanded("{local_rank}{local_world_size}{epoch_wct}{batch_wct}"), "0100");
  EXPECT_EQ(expanded("plain"), "plain");
}

TEST(NameTemplateTest, NumbersTakeAWidthAndTimesAFormat) {
  EXPECT_EQ(expanded("ba{batch:06}"), "ba000137");
  EXPECT_EQ(expanded("ba{batch:02d}"), "ba137");
  EXPECT_EQ(expanded("{timestamp}"), "20261121-120405");
  EXPECT_EQ(expanded("{timestamp:%Y-%m-%d}"), "2026-11-21");
  EXPECT_EQ(expanded("{{{batch}}}"), "{137}");
}

TEST(NameTemplateTest, AnUnknownFieldIsRefusedWithThoseThereAre) {
  const std::string message = expanded("ep{epoch}-ba{bacth}");
  EXPECT_TRUE(absl::StrContains(message, "no field {bacth}")) << message;
  EXPECT_TRUE(absl::StrContains(message, "did you mean {batch}?")) << message;
  EXPECT_TRUE(absl::StrContains(message, "run_name, timestamp, iteration, epoch")) << message;
}

TEST(NameTemplateTest, WhatIsWrongIsSaid) {
  const std::pair<const char*, const char*> cases[] = {
      {"ba{batch", "a { without its }"},   {"ba}batch", "a } without its {"},
      {"ba{batch:x}", "a width such as"},  {"ba{batch:6}", "a width such as"},
      {"ba{batch:0}", "a width such as"},  {"ba{batch:099}", "a width such as"},
      {"{run_name:5}", "takes no format"}, {"a/{batch}", "can be no file"},
      {".{batch}", "begins with a dot"},   {"", "can be no file"},
      {"manifest.json", "can be no file"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_TRUE(absl::StrContains(expanded(text), message)) << text << ": " << expanded(text);
  }
  EXPECT_TRUE(absl::StrContains(expanded(std::string(201, 'a')), "longer than 200"));
  NameValues values = kValues;
  values.run_name = "a/b";
  EXPECT_TRUE(absl::StrContains(expanded("{run_name}", values), "can be no file"));
}

}  // namespace
}  // namespace composer
