#pragma once

#include "composer/core/event.h"
#include "composer/core/state_dict.h"

namespace composer {

class Logger;
struct State;

/// Watches training: one method for each event, called after the algorithms of that event. By
/// convention a callback changes nothing but its own state; it may ask for a stop
/// (State::stop_training) and log. What it throws ends the run with the callback's name, the event
/// and the batch in the message.
class Callback : public Stateful {
 public:
#define COMPOSER_CALLBACK_METHOD(enumerator, name) \
  virtual void name(State& state, Logger& logger) {}
  COMPOSER_EVENTS(COMPOSER_CALLBACK_METHOD)
#undef COMPOSER_CALLBACK_METHOD

  /// Calls the method of `event`.
  virtual void run_event(Event event, State& state, Logger& logger);

  /// In messages; the type's name when not overridden.
  virtual std::string name() const;

  /// Called once when the trainer goes away, also after a failure.
  virtual void close(State& state, Logger& logger) {}
};

}  // namespace composer
