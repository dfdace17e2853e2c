#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "composer/core/algorithm.h"
#include "composer/core/event.h"

namespace composer {

class Logger;
struct State;

/// Reorders the algorithms that are about to run at an event.
using AlgorithmPass = std::function<void(std::vector<Algorithm*>& algorithms, Event event)>;

/// The passes that always run: at after_* events the list is reversed, so that what was changed
/// last is restored first; then algorithms whose traits say so go to the front or the back. Both
/// keep the order otherwise.
std::vector<AlgorithmPass> default_passes();

/// Runs algorithms, callbacks and loggers on events.
class Engine {
 public:
  /// That an algorithm ran: the `order`-th of its event.
  struct Trace {
    const Algorithm* algorithm;
    Event event;
    int64_t order;
  };
  /// What an algorithm cost at an event.
  struct Timing {
    int64_t runs = 0;
    absl::Duration total = absl::ZeroDuration();
  };
  using TimingKey = std::pair<const Algorithm*, Event>;

  /// `state` and `logger` must outlive the engine. `extra_passes` run after the default ones.
  Engine(State& state, Logger& logger, std::vector<AlgorithmPass> extra_passes = {});
  ~Engine();

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Asks every algorithm whether it matches, orders those that do, applies them, then calls the
  /// callbacks, then the loggers. At `init` loggers and callbacks come first. A failure is thrown
  /// with the algorithm's or callback's name, the event and the batch in front.
  void run(Event event);

  /// Closes callbacks and loggers; an engine that is closed refuses events. Failures are logged.
  void close();

  /// The algorithms that ran at the last event that any ran at.
  const std::vector<Trace>& last_traces() const { return traces_; }
  const std::map<TimingKey, Timing>& timings() const { return timings_; }

 private:
  void index_algorithms();
  void run_algorithms(Event event);
  void run_callbacks(Event event);
  void run_loggers(Event event);

  State& state_;
  Logger& logger_;
  std::vector<AlgorithmPass> passes_;
  // Algorithms by the events of their traits.
  std::vector<std::vector<Algorithm*>> by_event_;
  size_t indexed_ = 0;
  std::vector<Algorithm*> matched_;
  std::vector<Trace> traces_;
  std::map<TimingKey, Timing> timings_;
  bool closed_ = false;
};

}  // namespace composer
