#pragma once

#include <memory>

#include "absl/types/span.h"
#include "composer/core/optimizer.h"

namespace composer {

/// Makes the gradients of all ranks equal. This one does nothing: one rank.
class GradientReducer {
 public:
  virtual ~GradientReducer() = default;
  /// Called before a microbatch's backward; gradients are exchanged in that of the last one, where
  /// one is called so. None is where a batch may have to be repeated, because a rank that runs out
  /// of memory would leave the others waiting, nor on a rank where no microbatch has a backward.
  virtual void prepare(bool last_microbatch) {}
  /// Returns when the gradients are those of all ranks; exchanges what no backward has.
  virtual void finish(absl::Span<const std::unique_ptr<Optimizer>> optimizers) {}
  /// Whether `flag` is true on any rank. Every rank calls it at the same point, and all return the
  /// same.
  virtual bool any(bool flag) { return flag; }
};

}  // namespace composer
