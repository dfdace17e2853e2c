#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "composer/data/collate.h"

namespace composer {

namespace config {
class PackCollate;
}

/// Token sequences laid end to end in rows of one length, so that little is filled up. A document
/// is a sample, or, where SPLIT cuts one that is longer than a row, a piece of `length` tokens of
/// it, or what is left. Documents go, in order, to the first row with room, or begin one: as many
/// rows as that takes, so that batches differ in their number. A sample without tokens takes no
/// place.
///
/// Samples have `input_ids` [tokens] and whatever else has a value for each token, which moves
/// along and is filled with 0; no other tensor. `attention_mask` may come with them when it is all
/// ones. Batches have all of these as [rows, length, ...], and int64 [rows, length]:
///   `attention_mask`  1 where there is a token;
///   `document_ids`    0, 1, ... in each row, -1 where nothing is: position i may attend to j <= i
///                     when both have the same;
///   `position_ids`    0, 1, ... in each document, 0 where nothing is.
///
/// Labels (int64 [tokens]; -100 is no label and what fills up). With NEXT_TOKEN the loss at a place
/// compares logits[t] with labels[t], and all labels of a document are about itself: labels[t] is
/// its token t + 1, the last one the token that follows in the text it was cut from, or -100.
/// Nothing crosses a boundary and nothing is masked; the last label of a split piece is the first
/// token of the next. With SAME the model compares logits[t] with labels[t + 1]: the last place of
/// a document would be asked for the first token of the next one in the row, so that each
/// document's first label becomes -100. It costs no loss but that of the first token of a split
/// piece, whose context lies in another row. Labels that are clearly of the other kind, in 16
/// labels or more, throw.
class PackCollate final : public Collate {
 public:
  using Config = config::PackCollate;

  /// Errors are about "length" and "fill_token", which must be in range.
  static absl::StatusOr<std::unique_ptr<PackCollate>> create(const Config& config);

  /// Throws a c10::ValueError, with the sample's place in the batch, for what is said above, and
  /// when there is no token at all.
  Batch operator()(absl::Span<const TensorDict> samples) const override;

 private:
  explicit PackCollate(const Config& config);

  int64_t length_;
  bool split_;
  int64_t fill_token_;
  bool shifted_by_model_;
};

}  // namespace composer
