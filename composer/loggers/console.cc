#include "composer/loggers/console.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/core/data_loader.h"
#include "composer/core/state.h"

namespace composer {
namespace {

absl::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Batches that the epoch will have, the end of the run counted in.
std::optional<int64_t> batches_of_epoch(const State& state) {
  std::optional<int64_t> total = state.dataloader_length;
  if (!state.max_duration.has_value()) return total;
  const Timestamp& now = state.timestamp;
  const Time& end = *state.max_duration;
  double left = 0;
  if (end.unit() == TimeUnit::kBatch) {
    left = end.value() - static_cast<double>(now.batch);
  } else if (end.unit() == TimeUnit::kSample && state.dataloader != nullptr) {
    left = std::ceil((end.value() - static_cast<double>(now.sample)) /
                     static_cast<double>(state.dataloader->batch_size()));
  } else {
    return total;
  }
  const int64_t last = now.batch_in_epoch + static_cast<int64_t>(left);
  return total.has_value() ? std::min(*total, last) : last;
}

std::string epoch_label(const State& state) {
  std::string label = absl::StrCat("epoch ", state.timestamp.epoch + 1);
  if (state.max_duration.has_value() && state.max_duration->unit() == TimeUnit::kEpoch) {
    absl::StrAppend(&label, "/", static_cast<int64_t>(state.max_duration->value()));
  }
  return label;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConsoleLogger>> ConsoleLogger::create(const Config& config,
                                                                     const RunContext& run) {
  const absl::StatusOr<Time> interval = Time::parse(config.log_interval());
  if (!interval.ok()) return in_field("log_interval", interval.status());
  return std::make_unique<ConsoleLogger>(Options{
      .log_interval = *interval,
      .refresh = std::chrono::duration<double>(config.refresh_seconds()),
      .terminal = run.terminal,
      .style = {.color = environment("NO_COLOR").empty(), .unicode = locale_is_utf8()},
  });
}

ConsoleLogger::ConsoleLogger(const Options& options)
    : options_(options), interval_(options.log_interval), line_(options.file) {}

bool ConsoleLogger::due(const Timestamp& before, const Timestamp& after) {
  show_step();  // of a step before that logged nothing
  step_due_ = interval_.ends_epoch(after) ||
              (options_.terminal ? Clock::now() >= next_redraw_ : interval_.due(before, after));
  return step_due_;
}

void ConsoleLogger::log_metrics(const MetricValues& metrics, const Timestamp& now) {
  if (!step_due_) return;
  MetricValues shown;
  for (const auto& [name, value] : metrics) {
    if (!absl::StartsWith(name, "loss/train/") && !absl::StartsWith(name, "metrics/train/")) {
      continue;
    }
    std::string short_name = short_metric_name(name);
    if (short_name == "loss") {
      shown.insert(shown.begin(), {std::move(short_name), value});
    } else {
      shown.emplace_back(std::move(short_name), value);
    }
  }
  if (shown.empty()) return;
  epoch_.metrics = std::move(shown);
  show_step();
}

void ConsoleLogger::fit_start(State& state, Logger& logger) { start_epoch(state); }

void ConsoleLogger::epoch_start(State& state, Logger& logger) { start_epoch(state); }

void ConsoleLogger::batch_end(State& state, Logger& logger) {
  epoch_.batches = state.timestamp.batch_in_epoch;
  epoch_.samples = state.timestamp.sample_in_epoch;
  epoch_.seconds = absl::ToDoubleSeconds(state.timestamp.epoch_wct);
}

void ConsoleLogger::epoch_end(State& state, Logger& logger) { finish_epoch(); }

void ConsoleLogger::fit_end(State& state, Logger& logger) { finish_epoch(); }

void ConsoleLogger::eval_start(State& state, Logger& logger) {
  start_pass(state, state.dataloader_label);
}

void ConsoleLogger::eval_batch_end(State& state, Logger& logger) {
  advance_pass(state.eval_timestamp);
}

void ConsoleLogger::eval_end(State& state, Logger& logger) {
  pass_.metrics = state.eval_metrics[state.dataloader_label];
  pass_.finished = true;
  if (!options_.terminal && state.timestamp.batch > 0) {
    absl::StrAppend(&pass_.label, " at epoch ", state.timestamp.epoch, ", batch ",
                    state.timestamp.batch);
  }
  print(pass_);
}

void ConsoleLogger::predict_start(State& state, Logger& logger) { start_pass(state, "predict"); }

void ConsoleLogger::predict_batch_end(State& state, Logger& logger) {
  advance_pass(state.predict_timestamp);
}

void ConsoleLogger::predict_end(State& state, Logger& logger) {
  pass_.finished = true;
  print(pass_);
}

void ConsoleLogger::close(State& state, Logger& logger) { finish_epoch(); }

void ConsoleLogger::start_epoch(const State& state) {
  interval_.set_batches_per_epoch(state.dataloader_length);
  epoch_ = {.label = epoch_label(state), .total_batches = batches_of_epoch(state)};
}

// Also of an epoch that is cut short, or that ends in a failure.
void ConsoleLogger::finish_epoch() {
  step_due_ = false;
  if (epoch_.batches == 0) return;
  epoch_.finished = true;
  print(epoch_);
  epoch_.batches = 0;
}

void ConsoleLogger::show_step() {
  if (!step_due_) return;
  step_due_ = false;
  // The last step of an epoch is shown by epoch_end.
  if (epoch_.total_batches.has_value() && epoch_.batches >= *epoch_.total_batches) return;
  if (options_.terminal) {
    draw(epoch_);
  } else {
    print(epoch_);
  }
}

void ConsoleLogger::start_pass(const State& state, std::string label) {
  // Under the epoch's bar.
  if (options_.terminal && label.size() < epoch_.label.size())
    label.resize(epoch_.label.size(), ' ');
  pass_ = {.label = std::move(label), .total_batches = state.dataloader_length};
  pass_started_ = Clock::now();
}

void ConsoleLogger::advance_pass(const Timestamp& now) {
  const Clock::time_point time = Clock::now();
  pass_.batches = now.batch;
  pass_.samples = now.sample;
  pass_.seconds = std::chrono::duration<double>(time - pass_started_).count();
  if (options_.terminal && time >= next_redraw_) draw(pass_);
}

void ConsoleLogger::draw(const BarState& bar) {
  line_.draw(render_bar(bar, line_.columns(), options_.style));
  next_redraw_ = Clock::now() + std::chrono::duration_cast<Clock::duration>(options_.refresh);
}

void ConsoleLogger::print(const BarState& bar) {
  line_.print(options_.terminal ? render_bar(bar, line_.columns(), options_.style)
                                : render_line(bar));
}

COMPOSER_REGISTER(LoggerDestination, ConsoleLogger);

}  // namespace composer
