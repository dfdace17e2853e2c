#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class SelectiveBackprop;
}

/// The probability with which each of `samples` ranks is drawn, from the smallest loss to the
/// largest: proportional to p^(1 / keep - 1) with p = (rank + 0.5) / samples. Shape [samples],
/// double.
at::Tensor rank_probabilities(int64_t samples, double keep);

/// max(1, int(keep * samples)) different ranks, drawn by `rank_probabilities`. Shape [kept], on the
/// CPU.
at::Tensor draw_ranks(int64_t samples, double keep, const at::Generator& generator);

/// The samples that have these `ranks` when `losses`, shape [samples], are sorted from small to
/// large. Indices of shape [kept], on the device of `losses`.
at::Tensor select_using_loss(const at::Tensor& losses, const at::Tensor& ranks);

/// `input` with its sides, all dimensions after the second, times `scale_factor`: linear
/// interpolation with align_corners false. Throws a ValueError unless it has one to three sides.
at::Tensor scale_input(const at::Tensor& input, double scale_factor);

struct SelectiveBackpropOptions {
  /// The fraction of training at which pruning starts and ends.
  double start = 0.5;
  double end = 0.9;
  /// The fraction of a batch that is kept; at least one sample is.
  double keep = 0.5;
  /// Inputs are scored at this fraction of their size.
  double scale_factor = 1;
  /// Every `interrupt`-th batch of an epoch is trained on whole; 0 prunes all.
  int64_t interrupt = 2;
  /// The batch's tensor to scale; empty for Batch::input_name().
  std::string input_key = {};
};

/// Prunes batches to the samples with large losses before training on them, so that steps late in
/// training cost less (Jiang et al., 2019, arXiv:1910.00762). An extra forward without gradients
/// scores the samples; which ones stay is drawn, the larger their loss, the likelier.
///
/// At after_dataloader, ahead of every other algorithm, the batch becomes the kept part of all its
/// tensors; what follows, the clock included, sees nothing else.
///
/// Differs from Composer: the extra forward runs in evaluation mode, so that it neither updates
/// batch norms nor draws dropout; it really runs first, on the samples as the loader gave them;
/// samples are counted after pruning; start and end move within an epoch; one sample always stays.
class SelectiveBackprop : public Algorithm {
 public:
  using Config = config::SelectiveBackprop;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit SelectiveBackprop(SelectiveBackpropOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 protected:
  /// The ranks to keep of a batch of `samples`. A test puts the draws of another program here.
  virtual at::Tensor draw(int64_t samples, const at::Generator& generator);

 private:
  // The loss of each sample of state.batch.
  at::Tensor score(State& state) const;

  SelectiveBackpropOptions options_;
};

}  // namespace composer
