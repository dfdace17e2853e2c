#include "composer/cli/run_digest.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace composer {
namespace {

TEST(RunDigestTest, HashesNamesTypesShapesAndBits) {
  StateDict state;
  state.set("a", at::zeros({2, 3}));
  const std::string hash = sha256_of_state(state);
  EXPECT_EQ(hash.size(), 64);
  StateDict same;
  same.set("a", at::zeros({3, 2}).t());
  EXPECT_EQ(sha256_of_state(same), hash);

  StateDict name, shape, type, bits, number;
  name.set("b", at::zeros({2, 3}));
  shape.set("a", at::zeros({3, 2}));
  type.set("a", at::zeros({2, 3}, at::kInt));
  bits.set("a", at::zeros({2, 3}).neg());
  number.set("a", 0);
  for (const StateDict& other : {name, shape, type, bits, number}) {
    EXPECT_NE(sha256_of_state(other), hash);
  }
}

TEST(RunDigestTest, APartsEntriesAreNotThoseAroundIt) {
  StateDict inside, outside, part, empty;
  part.set("b", 1);
  inside.set("a", part);
  outside.set("a", empty);
  outside.set("b", 1);
  EXPECT_NE(sha256_of_state(inside), sha256_of_state(outside));
}

TEST(RunDigestTest, ClocksAndFilesLengthsDoNotCount) {
  StateDict loggers, time, state;
  loggers.set("offset", 17);
  time.set("batch", 3);
  time.set("total_wct", 12345);
  state.set("loggers", loggers);
  state.set("timestamp", time);
  const StateDict kept = without_clocks(state);
  EXPECT_EQ(kept.children().size(), 1);
  const auto clock = kept.child("timestamp");
  ASSERT_TRUE(clock.ok());
  EXPECT_EQ((*clock)->integers(), (std::map<std::string, int64_t>{{"batch", 3}}));
}

TEST(RunDigestTest, TimesAndRatesOfMetricsDoNotCount) {
  const auto text = metrics_without_times(
      R"({"time":1.5,"epoch":0,"batch":1,"sample":8,"loss/train/total":0.1,"time/data_wait_fraction":0.5}
{"time":2.5,"epoch":0,"batch":2,"sample":16,"throughput/samples_per_sec":9}
{"time":2.5,"epoch":0,"batch":2,"sample":16,"timely":null}
)");
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text,
            "{\"epoch\":0,\"batch\":1,\"sample\":8,\"loss/train/total\":0.1}\n"
            "{\"epoch\":0,\"batch\":2,\"sample\":16,\"timely\":null}\n");
  EXPECT_EQ(metrics_without_times("{\"a\":").status().code(), absl::StatusCode::kDataLoss);
}

TEST(RunDigestTest, NamesTheFirstEntryOrLineThatDiffers) {
  RunDigest a, b;
  StateDict model;
  model.set("fc.weight", at::ones({2}));
  a.state.set("model", model);
  b.state.set("model", StateDict(model).cloned());
  a.metrics = b.metrics = "{\"x\":1}\n{\"x\":2}\n";
  EXPECT_EQ(first_difference(a, b), "");
  b.metrics = "{\"x\":1}\n{\"x\":3}\n";
  EXPECT_EQ(first_difference(a, b), "metrics, line 2: {\"x\":2} or {\"x\":3}");
  b.metrics = "{\"x\":1}\n";
  EXPECT_EQ(first_difference(a, b), "metrics, line 2: {\"x\":2} or no line");
  model.set("fc.weight", at::zeros({2}));
  b.state.set("model", model);
  EXPECT_EQ(first_difference(a, b), "model.fc.weight");
  EXPECT_NE(a.weights_hash(), b.weights_hash());
  EXPECT_EQ(a.optimizer_hash(), b.optimizer_hash());
}

}  // namespace
}  // namespace composer
