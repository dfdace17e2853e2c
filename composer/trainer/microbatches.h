#pragma once

#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "composer/core/loss.h"
#include "composer/core/model.h"
#include "composer/core/state.h"
#include "composer/core/step_start.h"
#include "composer/core/tensor_dict.h"

namespace composer {

/// The parts of a batch that are trained on one after the other, and what the mean loss of each
/// weighs in that of the batch. Weights are those of the parts as they are cut here: an algorithm
/// that changes a microbatch later changes what its mean is over, not its weight.
class Microbatches {
 public:
  /// Of `size` samples, the last one possibly fewer; the whole batch when `size` is 0. A part
  /// weighs its share of the samples, or, where `by_tokens` is given, of its num_loss_tokens: then
  /// one in which no token counts weighs 0. `whole` must outlive this.
  Microbatches(const Batch& whole, int64_t size, const ComposerModel* by_tokens);

  int64_t count() const { return parts_.empty() ? 1 : static_cast<int64_t>(parts_.size()); }
  const Batch& operator[](int64_t index) const { return parts_.empty() ? whole_ : parts_[index]; }
  double weight(int64_t index) const { return weights_.empty() ? 1 : weights_[index]; }
  /// The last that weighs anything; -1 when none does.
  int64_t last_weighted() const;

 private:
  const Batch& whole_;
  // Both empty for a whole batch that weighs 1, so that nothing is allocated.
  std::vector<Batch> parts_;
  std::vector<double> weights_;
};

/// The terms of `loss` with the value 0, even where theirs are not finite.
Loss zero_loss(const Loss& loss);

/// State::device_train_microbatch_size for a batch of `samples`: all of them where it is 0.
int64_t microbatch_samples(const State& state, int64_t samples);

/// Calls `attempt`, the forward and backward of `whole` in microbatches, until memory suffices for
/// it on every rank. Each time it does not on one, all of them halve their
/// State::device_train_microbatch_size and begin again, with the gradients, the random numbers and
/// the model's buffers of before: everything comes out as if this size had been set from the start.
/// The ranks agree, by GradientReducer::any, when all have ended their attempts, so that none waits
/// for one that will not come; `attempt` must not wait for the other ranks.
///
/// Throws what `attempt` throws unless that is out of memory (ResourceExhausted); and that too when
/// there is only one sample to a microbatch on a rank whose memory does not suffice.
void find_microbatch_size(State& state, const Batch& whole, StepStart& start,
                          absl::FunctionRef<void()> attempt);

/// To be called before or when a model updates itself. Throws a ValueError where batches may have
/// to be repeated, since an update cannot be taken back.
void check_repeatable_update(const State& state);

}  // namespace composer
