#pragma once

#include <memory>

#include "absl/types/span.h"
#include "composer/core/optimizer.h"

namespace composer {

/// Makes the gradients of all ranks equal. This one does nothing: one rank.
class GradientReducer {
 public:
  virtual ~GradientReducer() = default;
  /// Called before a microbatch's backward; gradients are exchanged in that of the last one.
  virtual void prepare(bool last_microbatch) {}
  /// Returns when the gradients of the last microbatch are those of all ranks.
  virtual void finish(absl::Span<const std::unique_ptr<Optimizer>> optimizers) {}
  /// Whether `flag` is true on any rank. Every rank calls it at the same point, and all return the
  /// same.
  virtual bool any(bool flag) { return flag; }
};

}  // namespace composer
