#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"
#include "composer/core/tensor_dict.h"

namespace composer {

namespace config {
class SeqLengthWarmup;
}

/// `batch` with sequences of `length` tokens, if those of its `input_ids`, [N, L], are longer.
///
/// With `truncate`, tensors of two or more dimensions keep their first `length` columns; with
/// `preserve_end_of_sequence` the last of them is, in sequences that were longer, their last token
/// by `attention_mask`. Without `truncate`, tensors, which then all have the shape of `input_ids`,
/// become [N L / length, length]: more sequences of the same tokens, without the last few that do
/// not fill one. Tensors without a dimension stay. Throws a ValueError for what cannot be done.
Batch set_batch_sequence_length(const Batch& batch, int64_t length, bool truncate = true,
                                bool preserve_end_of_sequence = false);

struct SeqLengthWarmupOptions {
  /// The part of training in which sequences grow.
  double duration = 0.3;
  /// In tokens.
  int64_t min_seq_length = 8;
  int64_t max_seq_length = 1024;
  int64_t step_size = 8;
  /// See set_batch_sequence_length.
  bool truncate = true;
  bool preserve_end_of_sequence = false;
};

/// How many tokens sequences have after a part `elapsed` of training: steps of equal duration, and
/// `max_seq_length` from the end of the warm-up on.
int64_t warmup_sequence_length(double elapsed, const SeqLengthWarmupOptions& options);

/// Trains on short sequences first and lets them grow, which is cheaper and steadier (Li et al.,
/// 2021, arXiv:2108.06084).
///
/// after_dataloader replaces the batch; what follows, the clock included, sees nothing else. Logs
/// `seq_length_warmup/` `curr_seq_len` and `curr_bs`, the number of sequences.
///
/// Differs from Composer: max_duration may have any unit, and sequences grow within an epoch too; a
/// warm-up of few batches, or of less than one step, is no division by zero; there is no extra pass
/// at full length first, as the size of microbatches is found whenever memory runs out; any model
/// that takes `input_ids` will do; tensors with one value for each sample stay when sequences are
/// cut.
class SeqLengthWarmup final : public Algorithm {
 public:
  using Config = config::SeqLengthWarmup;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit SeqLengthWarmup(SeqLengthWarmupOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 private:
  SeqLengthWarmupOptions options_;
};

}  // namespace composer
