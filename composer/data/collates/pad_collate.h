#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "composer/data/collate.h"

namespace composer {

namespace config {
class PadCollate;
}

/// Sequences of different lengths in one batch: what transformers' DataCollatorWithPadding gives,
/// and for `labels` its DataCollatorForSeq2Seq.
///
/// A sequence is a tensor with a dimension, or one that the config lists; [length, ...] becomes
/// [batch, longest, ...], where each tensor has its own longest, rounded up to a multiple. What is
/// longer than `max_length` loses its end, whichever side is filled. All else is stacked and must
/// agree. With `input_ids` among the sequences, `attention_mask` int64 [batch, longest] is added, 1
/// where there is a token; one that the samples bring is filled with 0 as any other.
///
/// A batch throws a c10::ValueError when the samples disagree in more than a first dimension, when
/// a tensor that the config names is missing or no sequence, or when its type cannot hold the
/// filling.
class PadCollate final : public Collate {
 public:
  using Config = config::PadCollate;

  /// Errors are about "max_length", which must be a multiple of multiple_of and be there for
  /// pad_to_max, about "fill" and "tensors", which may name a tensor once, and about values out of
  /// range.
  static absl::StatusOr<std::unique_ptr<PadCollate>> create(const Config& config);

  Batch operator()(absl::Span<const TensorDict> samples) const override;

 private:
  explicit PadCollate(const Config& config);

  bool is_sequence(absl::string_view name, const at::Tensor& tensor) const;
  int64_t padded_length(int64_t longest) const;
  at::Tensor pad(absl::Span<const TensorDict> samples, const std::string& name) const;
  at::Tensor attention_mask(absl::Span<const TensorDict> samples) const;

  int64_t multiple_of_;
  std::optional<int64_t> max_length_;
  bool pad_to_max_;
  bool left_;
  std::map<std::string, double, std::less<>> fill_;
  std::set<std::string, std::less<>> sequences_;
};

}  // namespace composer
