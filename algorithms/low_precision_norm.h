#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/core/algorithm.h"
#include "composer/core/optimizer.h"
#include "composer/nn/surgery.h"

namespace composer {

// What LowPrecisionLayerNorm and LowPrecisionGroupNorm have in common.

/// Operators take tensors as they are while this lives, whatever autocast would make of them.
/// Unlike AutocastDisabled it leaves alone what autocast has cast already.
class AutocastBypassed {
 private:
  const c10::impl::ExcludeDispatchKeyGuard guard_{c10::autocast_dispatch_keyset};
};

/// `tensor` in the dtype of autocast where that is on for its device; else, or where it is
/// undefined, itself.
at::Tensor to_autocast_dtype(const at::Tensor& tensor);

/// Replaces norms of one kind at one event, for good; a warning where the run's precision is not
/// amp_bf16 or amp_fp16, in which it would change nothing.
class LowPrecisionNorm : public Algorithm {
 public:
  /// Throws a field_error unless `apply_at` is kInit, kBeforeLoad or kAfterLoad. `must_match`: a
  /// model without such norms is an error instead of a warning.
  LowPrecisionNorm(Event apply_at, bool must_match);

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  /// What there is none of where nothing is replaced, as "layer norms".
  virtual absl::string_view layers() const = 0;
  virtual std::vector<LayerReplacement> replace(
      torch::nn::Module& model, absl::Span<const std::unique_ptr<Optimizer>> optimizers) const = 0;

  const Event apply_at_;
  const bool must_match_;
};

/// The event of config::ApplyAt.
Event event_of_apply_at(int apply_at);

}  // namespace composer
