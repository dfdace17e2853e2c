#include "composer/cli/lr_chart.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/core/data_loader.h"
#include "composer/core/state.h"

namespace composer {
namespace {

// More would not be seen.
constexpr int64_t kPoints = 1500;

absl::Status unknown(absl::string_view reason) {
  return absl::FailedPreconditionError(absl::StrCat("the learning rate cannot be drawn: ", reason));
}

// What a batch counts of `unit`, and what that is called.
struct BatchSize {
  double amount;
  const char* name;
};

absl::StatusOr<BatchSize> batch_in(TimeUnit unit, const ScheduleClock& clock, int64_t samples,
                                   int64_t tokens) {
  switch (unit) {
    case TimeUnit::kEpoch:
      if (clock.batches_per_epoch.value_or(0) <= 0) {
        return unknown("the run counts epochs, and how many batches one has is not known");
      }
      return BatchSize{1.0 / static_cast<double>(*clock.batches_per_epoch), "epochs"};
    case TimeUnit::kBatch:
      return BatchSize{1, "batches"};
    case TimeUnit::kSample:
      return BatchSize{static_cast<double>(samples), "samples"};
    case TimeUnit::kToken:
      if (tokens == 0) return unknown("the run counts tokens, and the data has none");
      return BatchSize{static_cast<double>(tokens), "tokens"};
    default:
      return unknown("the run ends by the clock, and how many batches it will have is not known");
  }
}

std::string label_of(const ParameterGroup& group) {
  return group.pattern.empty() ? "the other parameters" : absl::StrCat("\"", group.pattern, "\"");
}

Timestamp after_batches(int64_t batch, const ScheduleClock& clock, int64_t samples,
                        int64_t tokens) {
  Timestamp now;
  const int64_t epoch = clock.batches_per_epoch.value_or(0);
  now.batch = batch;
  now.epoch = epoch > 0 ? batch / epoch : 0;
  now.batch_in_epoch = epoch > 0 ? batch % epoch : batch;
  now.sample = batch * samples;
  now.token = batch * tokens;
  return now;
}

}  // namespace

absl::StatusOr<Chart> learning_rate_chart(const State& state, DataLoader& train) {
  if (!state.max_duration.has_value()) return unknown("the config has no max_duration");
  if (state.optimizers.empty()) return unknown("the config has no optimizer");
  ScheduleClock clock = state.clock();
  train.seek(0, 0);
  const std::optional<Batch> first = train.next();
  const int64_t samples = train.batch_size();
  const int64_t tokens = first ? first->num_tokens() : 0;
  const absl::StatusOr<BatchSize> size =
      batch_in(clock.max_duration.unit(), clock, samples, tokens);
  if (!size.ok()) return size.status();
  const auto batches =
      static_cast<int64_t>(std::ceil(clock.max_duration.value() / size->amount * (1 - 1e-12)));
  const int64_t points = std::min(batches, kPoints);

  Chart chart;
  chart.title = "Learning rate";
  chart.subtitle = absl::StrCat(clock.max_duration.to_string(), ", ", batches, " batches");
  chart.x_label = size->name;
  chart.y_label = "learning rate";
  chart.x_end = clock.max_duration.value();
  chart.x_is_whole = true;
  for (const auto& optimizer : state.optimizers) {
    for (const ParameterGroup& group : optimizer->groups()) {
      Series series{label_of(group), {}};
      for (int64_t i = 0; i < points; ++i) {
        const int64_t batch = i * batches / points;
        clock.now = after_batches(batch, clock, samples, tokens);
        series.steps.emplace_back(static_cast<double>(batch) * size->amount,
                                  scheduled_lr(group, state.schedulers, clock));
      }
      const auto same = std::find_if(chart.series.begin(), chart.series.end(),
                                     [&](const Series& s) { return s.steps == series.steps; });
      if (same == chart.series.end()) {
        chart.series.push_back(std::move(series));
      } else {
        absl::StrAppend(&same->label, ", ", series.label);
      }
    }
  }
  if (chart.series.size() == 1) chart.series[0].label.clear();
  return chart;
}

}  // namespace composer
