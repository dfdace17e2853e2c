#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/core/state_dict.h"
#include "composer/core/tensor_dict.h"
#include "composer/data/batch_maker.h"

namespace composer {

/// A sample that could not be read, and why: "sample 42: /data/42.png: byte 17: ...".
struct BrokenSample {
  int64_t index;
  std::string message;
};

/// What became of a batch: the batch, or an error.
struct MadeBatch {
  Batch batch = {};
  absl::Status status = absl::OkStatus();
  /// Those that `batch` is short of, in its order.
  std::vector<BrokenSample> broken = {};
};

/// Makes a batch without recording gradients. Does not throw. With `skip`, a batch that fails is
/// made again without the samples that also fail by themselves; a batch in which none does, or all
/// do, is an error, and so is one for which memory ran out. Gives up early once `stopping` is true.
MadeBatch make_batch(const BatchMaker& maker, absl::Span<const int64_t> indices, int64_t epoch,
                     bool skip, const std::atomic<bool>& stopping);

/// The broken samples of a run: each counts once, however often it comes.
class SkippedSamples {
 public:
  explicit SkippedSamples(int64_t limit) : limit_(limit) {}

  int64_t count() const { return static_cast<int64_t>(indices_.size()); }

  /// Counts those of a batch that is handed out, each new one with a warning that begins with
  /// `where`. Throws a StatusError once there are more than the limit.
  void add(const MadeBatch& made, absl::string_view where);

  /// Puts the count and the indices into `state`, as "skipped_samples" and "broken".
  void save(StateDict& state) const;
  absl::Status load(const StateDict& state);

 private:
  int64_t limit_;
  std::set<int64_t> indices_;
};

/// That the dataset called `name` is not the one that a state was saved with.
absl::Status data_has_changed(absl::string_view name, absl::string_view now,
                              absl::string_view then);

}  // namespace composer
