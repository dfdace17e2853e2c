#include "composer/data/samplers/weighted_sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/counter_random.h"
#include "composer/base/random.h"
#include "composer/base/status.h"
#include "composer/data/samplers/alias_table.h"
#include "composer/data/samplers/stored_order.h"

namespace composer {
namespace {

class DrawnOrder final : public Order {
 public:
  DrawnOrder(std::shared_ptr<const AliasTable> table, uint64_t key)
      : table_(std::move(table)), key_(key) {}

  void fill(int64_t start, absl::Span<int64_t> out) const override {
    for (size_t i = 0; i < out.size(); ++i) {
      CounterRandom random(mix_seed({key_, static_cast<uint64_t>(start) + i}));
      out[i] = table_->draw(random);
    }
  }

 private:
  const std::shared_ptr<const AliasTable> table_;
  const uint64_t key_;
};

class ReplacingSampler final : public Sampler {
 public:
  ReplacingSampler(absl::Span<const double> weights, int64_t num_samples, uint64_t seed)
      : table_(std::make_shared<AliasTable>(weights)), num_samples_(num_samples), seed_(seed) {}

  int64_t size() const override { return num_samples_; }

  std::shared_ptr<const Order> order(int64_t epoch) const override {
    return std::make_shared<DrawnOrder>(
        table_,
        mix_seed({seed_, hash_name("weighted with replacement"), static_cast<uint64_t>(epoch)}));
  }

 private:
  const std::shared_ptr<const AliasTable> table_;
  const int64_t num_samples_;
  const uint64_t seed_;
};

// The natural logarithm, off by 2e-16 at most (of 0 < x <= 1, not subnormal), from operations that
// every machine rounds alike: those of C libraries differ in the last bit, and with it the order of
// two keys might. This file is compiled without fused multiply-add for the same reason.
double portable_log(double x) {
  int exponent;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  // 2 artanh(t), |t| < 0.172.
  const double t = (mantissa - 1) / (mantissa + 1);
  const double square = t * t;
  double series = 0;
  for (int term = 23; term >= 3; term -= 2) series = (series + 1.0 / term) * square;
  return exponent * 0.69314718055994531 + 2 * (t + t * series);
}

class DrawingSampler final : public Sampler {
 public:
  DrawingSampler(std::vector<double> weights, int64_t num_samples, uint64_t seed)
      : weights_(std::move(weights)), num_samples_(num_samples), seed_(seed) {}

  int64_t size() const override { return num_samples_; }

  std::shared_ptr<const Order> order(int64_t epoch) const override {
    struct Arrival {
      double time;
      int64_t sample;
      bool operator<(const Arrival& other) const {
        return time != other.time ? time < other.time : sample < other.sample;
      }
    };
    const uint64_t key =
        mix_seed({seed_, hash_name("weighted without replacement"), static_cast<uint64_t>(epoch)});
    std::vector<Arrival> arrivals;
    for (size_t i = 0; i < weights_.size(); ++i) {
      if (weights_[i] == 0) continue;
      CounterRandom random(mix_seed({key, i}));
      arrivals.push_back(
          {-portable_log(1 - random.uniform()) / weights_[i], static_cast<int64_t>(i)});
    }
    const auto end = arrivals.begin() + num_samples_;
    if (end != arrivals.end()) std::nth_element(arrivals.begin(), end, arrivals.end());
    std::sort(arrivals.begin(), end);
    std::vector<int64_t> samples;
    samples.reserve(num_samples_);
    for (auto arrival = arrivals.begin(); arrival != end; ++arrival) {
      samples.push_back(arrival->sample);
    }
    return std::make_shared<StoredOrder>(std::move(samples));
  }

 private:
  const std::vector<double> weights_;
  const int64_t num_samples_;
  const uint64_t seed_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Sampler>> make_weighted_sampler(
    std::vector<double> weights, const WeightedSamplerOptions& options) {
  if (weights.empty()) return field_error("weights", "there are no weights");
  const double largest = *std::max_element(weights.begin(), weights.end());
  int64_t above_zero = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) {
      return field_error("weights", absl::StrCat("the weight of sample ", i, " is ", weights[i],
                                                 "; expected a finite number, 0 or above"));
    }
    if (weights[i] > 0) ++above_zero;
  }
  if (above_zero == 0) {
    return field_error("weights",
                       absl::StrCat("all ", weights.size(), " weights are 0; no sample can come"));
  }
  const int64_t num_samples = options.num_samples.value_or(static_cast<int64_t>(weights.size()));
  if (num_samples < 1) {
    return field_error("num_samples", absl::StrCat("num_samples is ", num_samples,
                                                   "; an epoch needs at least one sample"));
  }
  if (options.replacement) {
    return std::make_unique<ReplacingSampler>(weights, num_samples, options.seed);
  }
  if (num_samples > above_zero) {
    return field_error(
        "num_samples",
        absl::StrCat("an epoch would have ", num_samples, " samples, but only ", above_zero,
                     " of the ", weights.size(),
                     " weights are above 0; lower num_samples or allow replacement"));
  }
  // Only the ratios count; this keeps log(u) / weight in range.
  for (double& weight : weights) {
    if (weight > 0) weight = std::max(weight / largest, std::numeric_limits<double>::min());
  }
  return std::make_unique<DrawingSampler>(std::move(weights), num_samples, options.seed);
}

}  // namespace composer
