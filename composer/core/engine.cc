#include "composer/core/engine.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/core/autocast.h"
#include "composer/core/logger.h"
#include "composer/core/state.h"

namespace composer {
namespace {

using Order = AlgorithmTraits::Order;

void reverse_after_events(std::vector<Algorithm*>& algorithms, Event event) {
  if (is_after_event(event)) std::reverse(algorithms.begin(), algorithms.end());
}

void sort_by_declared_order(std::vector<Algorithm*>& algorithms, Event event) {
  std::stable_sort(algorithms.begin(), algorithms.end(), [](Algorithm* a, Algorithm* b) {
    return a->traits().order < b->traits().order;
  });
}

std::string describe(const std::vector<Algorithm*>& algorithms) {
  return absl::StrJoin(algorithms, ", ", [](std::string* out, const Algorithm* algorithm) {
    absl::StrAppend(out, algorithm->name());
  });
}

// Where algorithms may compute what the model does: see AutocastScope.
Precision precision_at(Event event, const State& state) {
  const bool before_backward = Event::kAfterDataloader <= event && event <= Event::kBeforeBackward;
  return before_backward ? state.precision : Precision::kFp32;
}

// Calls `function` and puts who and where in front of what it throws. `actor` has a name().
template <typename Actor, typename Function>
void run_named(const Actor& actor, Event event, const State& state, Function&& function) {
  in_context(
      [&] {
        return absl::StrCat(actor.name(), " at ", event_name(event), ", batch ",
                            state.timestamp.batch);
      },
      function);
}

}  // namespace

std::vector<AlgorithmPass> default_passes() {
  return {reverse_after_events, sort_by_declared_order};
}

Engine::Engine(State& state, Logger& logger, std::vector<AlgorithmPass> extra_passes)
    : state_(state), logger_(logger), passes_(default_passes()) {
  for (AlgorithmPass& pass : extra_passes) passes_.push_back(std::move(pass));
}

Engine::~Engine() { close(); }

void Engine::run(Event event) {
  TORCH_CHECK(!closed_, "the trainer is closed and takes no more events (", event_name(event), ")");
  if (event == Event::kInit) {
    run_loggers(event);
    run_callbacks(event);
    run_algorithms(event);
    return;
  }
  run_algorithms(event);
  run_callbacks(event);
  run_loggers(event);
}

void Engine::index_algorithms() {
  by_event_.assign(kAllEvents.size(), {});
  indexed_ = state_.algorithms.size();
  for (const auto& algorithm : state_.algorithms) {
    for (const Event event : algorithm->traits().events) {
      by_event_[static_cast<size_t>(event)].push_back(algorithm.get());
    }
  }
}

void Engine::run_algorithms(Event event) {
  if (indexed_ != state_.algorithms.size() || by_event_.empty()) index_algorithms();
  const std::vector<Algorithm*>& candidates = by_event_[static_cast<size_t>(event)];
  if (candidates.empty()) return;

  matched_.clear();
  for (Algorithm* algorithm : candidates) {
    run_named(*algorithm, event, state_, [&] {
      if (algorithm->match(event, state_)) matched_.push_back(algorithm);
    });
  }
  if (matched_.empty()) return;
  if (matched_.size() > 1) {
    const std::vector<Algorithm*> listed = matched_;
    for (const AlgorithmPass& pass : passes_) pass(matched_, event);
    if (matched_ != listed) {
      VLOG(1) << event_name(event) << ": passes reordered " << describe(listed) << " to "
              << describe(matched_);
    }
  }
  traces_.clear();
  const AutocastScope autocast(precision_at(event, state_), state_.device);
  for (Algorithm* algorithm : matched_) {
    const auto start = std::chrono::steady_clock::now();
    run_named(*algorithm, event, state_, [&] { algorithm->apply(event, state_, logger_); });
    Timing& timing = timings_[{algorithm, event}];
    timing.runs += 1;
    timing.total += absl::FromChrono(std::chrono::steady_clock::now() - start);
    traces_.push_back({algorithm, event, static_cast<int64_t>(traces_.size())});
  }
}

void Engine::run_callbacks(Event event) {
  for (const auto& callback : state_.callbacks) {
    run_named(*callback, event, state_, [&] { callback->run_event(event, state_, logger_); });
  }
}

void Engine::run_loggers(Event event) {
  for (const auto& destination : logger_.destinations()) {
    run_named(*destination, event, state_, [&] { destination->run_event(event, state_, logger_); });
  }
}

void Engine::close() {
  if (closed_) return;
  closed_ = true;
  const auto close_one = [this](Callback& callback) {
    const absl::Status status = catch_exceptions([&] { callback.close(state_, logger_); });
    if (!status.ok()) LOG(ERROR) << callback.name() << " could not be closed: " << status.message();
  };
  for (const auto& callback : state_.callbacks) close_one(*callback);
  for (const auto& destination : logger_.destinations()) close_one(*destination);
}

}  // namespace composer
