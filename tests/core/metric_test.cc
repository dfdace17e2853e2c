#include "composer/core/metric.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace composer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// The sum of what it is given.
class Sum : public Metric {
 public:
  void update(const at::Tensor& outputs, const at::Tensor&) override {
    sum_ += outputs.sum().item<double>();
  }
  double compute() const override { return sum_; }
  void reset() override { sum_ = 0; }
  void merge(const Metric& other) override { sum_ += other.compute(); }
  std::unique_ptr<Metric> fresh() const override { return std::make_unique<Sum>(); }
  StateDict state_dict() const override {
    StateDict state;
    state.set("sum", sum_);
    return state;
  }
  absl::Status load_state_dict(const StateDict& state) override {
    const absl::StatusOr<double> sum = state.number("sum");
    if (sum.ok()) sum_ = *sum;
    return sum.status();
  }

 private:
  double sum_ = 0;
};

MetricCollection collection() {
  MetricCollection metrics;
  metrics.add("accuracy", std::make_unique<Sum>());
  metrics.add("cross_entropy", std::make_unique<Sum>());
  return metrics;
}

TEST(MetricCollection, UpdatesComputesAndResetsAll) {
  MetricCollection metrics = collection();
  metrics.update(at::tensor({1.0, 2.0}), {});
  metrics.update(at::tensor({4.0}), {});
  EXPECT_THAT(metrics.compute(), ElementsAre(Pair("accuracy", 7), Pair("cross_entropy", 7)));
  metrics.reset();
  EXPECT_THAT(metrics.compute(), ElementsAre(Pair("accuracy", 0), Pair("cross_entropy", 0)));
}

TEST(MetricCollection, MergesMetricByMetric) {
  MetricCollection one = collection(), other = collection();
  one.update(at::tensor({1.0}), {});
  other.update(at::tensor({2.0}), {});
  one.merge(other);
  EXPECT_THAT(one.compute(), ElementsAre(Pair("accuracy", 3), Pair("cross_entropy", 3)));
}

TEST(MetricCollection, RefusesToMergeOthersAndToTakeANameTwice) {
  MetricCollection metrics = collection(), renamed;
  EXPECT_THROW(metrics.merge(renamed), c10::ValueError);
  renamed.add("accuracy", std::make_unique<Sum>());
  renamed.add("loss", std::make_unique<Sum>());
  EXPECT_THROW(metrics.merge(renamed), c10::ValueError);
  EXPECT_THROW(renamed.add("loss", std::make_unique<Sum>()), c10::ValueError);
}

TEST(MetricCollection, KeepsWhatIsNamedInPartAndInAnyCase) {
  MetricCollection metrics = collection();
  const std::vector<std::string> names = {"Accu"};
  ASSERT_TRUE(metrics.keep(names).ok());
  EXPECT_THAT(metrics.compute(), ElementsAre(Pair("accuracy", 0)));
  MetricCollection all = collection();
  ASSERT_TRUE(all.keep({}).ok());
  EXPECT_EQ(all.size(), 2u);
}

TEST(MetricCollection, SaysWhichMetricsThereAreWhenANameFindsNothing) {
  MetricCollection metrics = collection();
  const std::vector<std::string> names = {"accuracy", "f1"};
  const absl::Status status = metrics.keep(names);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("no metric \"f1\"; it has accuracy, cross_entropy"));
  EXPECT_EQ(metrics.size(), 2u);
}

TEST(MetricCollection, CarriesItsState) {
  MetricCollection metrics = collection(), restored = collection();
  metrics.update(at::tensor({1.0, 2.0}), {});
  ASSERT_TRUE(restored.load_state_dict(metrics.state_dict()).ok());
  EXPECT_EQ(restored.compute(), metrics.compute());
  const absl::Status status = restored.load_state_dict(StateDict());
  EXPECT_THAT(status.message(), HasSubstr("no part \"accuracy\""));
}

}  // namespace
}  // namespace composer
