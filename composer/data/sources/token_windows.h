#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/data/dataset.h"

namespace composer {

namespace config {
class Windows;
}

/// Where the samples of a long sequence of tokens lie.
///
/// Of T tokens those from floor(begin * T) up to floor(end * T) are used: parts that meet share no
/// token, in the labels neither. Sample i starts `stride` * i tokens into them and takes
/// sequence_length tokens, and one more for its last label with NEXT_TOKEN. Only whole samples
/// count: of U used tokens, (U - taken) / stride + 1, rounded down.
struct WindowPlan {
  int64_t first = 0;
  int64_t length = 0;
  int64_t stride = 0;
  /// Whether labels are the tokens after each of the sample's.
  bool next_token = true;
  int64_t num_samples = 0;

  /// Errors are about the fields of `config`, relative to it; "sequence_length" where the tokens
  /// are too few for one sample. `what` names the dataset in messages.
  static absl::StatusOr<WindowPlan> create(const config::Windows& config, int64_t num_tokens,
                                           absl::string_view what);
};

/// Samples that are windows on a long sequence of tokens. Batches: `input_ids` and `labels`, int64
/// [N, sequence_length].
class TokenWindows : public BatchedDataset {
 public:
  int64_t size() const final { return plan_.num_samples; }
  Batch get_batch(absl::Span<const int64_t> indices) const final;
  std::string name() const final { return name_; }

 protected:
  TokenWindows(const WindowPlan& plan, std::string name);

 private:
  /// Writes the tokens from `begin` on, `count` of them, which are there. Called from several
  /// threads at once.
  virtual void copy_tokens(int64_t begin, int64_t count, int64_t* out) const = 0;

  const WindowPlan plan_;
  const std::string name_;
};

}  // namespace composer
