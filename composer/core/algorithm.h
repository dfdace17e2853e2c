#pragma once

#include <string>
#include <vector>

#include "composer/core/event.h"
#include "composer/core/state_dict.h"

namespace composer {

class Logger;
struct State;

/// What the engine and the trainer must know of an algorithm, and users want to: data, so that
/// nobody has to know algorithms by type.
struct AlgorithmTraits {
  /// Where among the algorithms of one event this one runs, whatever the list says.
  enum class Order { kFirst, kAny, kLast };

  /// The events that `match` can be true for.
  std::vector<Event> events = {};
  Order order = Order::kAny;
  /// Computes a loss of its own in the place of the model's. Two such cannot work together.
  bool interpolates_loss = false;
  /// Puts other targets in the batch for the time of the loss.
  bool replaces_targets = false;
  /// Calls ComposerModel::per_sample_loss.
  bool needs_per_sample_loss = false;
  /// Differentiates through the backward pass.
  bool backward_creates_graph = false;
  /// The paper or reference that it follows.
  std::string paper = {};
};

/// Acts on events, and may change the state: the batch, the loss, the model. An algorithm is a free
/// function on tensors and this thin class around it; the one to copy is LabelSmoothing.
class Algorithm : public Stateful {
 public:
  /// A constant of the object.
  virtual AlgorithmTraits traits() const = 0;

  /// True when `apply` is wanted; free of side effects. Asked only for events of the traits.
  virtual bool match(Event event, const State& state) const = 0;

  /// Acts. What it throws ends the run with the algorithm's name, the event and the batch in the
  /// message. Where memory runs out, a batch may be repeated from before_train_batch on without the
  /// events that would have followed: what is kept from one event for another is set anew by the
  /// first, and everything else that an algorithm keeps changes after after_backward only.
  virtual void apply(Event event, State& state, Logger& logger) = 0;

  /// In messages and logs; the type's name when not overridden.
  virtual std::string name() const;
};

}  // namespace composer
