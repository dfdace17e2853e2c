#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <string>

#include "composer/core/algorithm.h"

namespace composer {

struct PairMixingOptions {
  /// Of the Beta distribution that is drawn from.
  double alpha = 0;
  /// Mixes the losses of both targets instead of the targets.
  bool interpolate_loss = false;
  /// The batch's tensors to mix; empty for Batch::input_name() and Batch::target_name().
  std::string input_key = {};
  std::string target_key = {};
};

/// What methods share that mix each sample of a microbatch with another one of it: MixUp, CutMix.
///
/// before_forward mixes the input. Then, either before_loss mixes the targets and after_loss puts
/// both back as they were; or, with `interpolate_loss`, before_backward replaces the loss by the
/// combination of the model's loss and its loss for the permuted targets, which is the same thing
/// where the loss is linear in the targets and works where it takes classes only.
class PairMixing : public Algorithm {
 public:
  /// Without a paper.
  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;

 protected:
  /// Throws, about the field, when `alpha` is negative or no number.
  explicit PairMixing(PairMixingOptions options);

  const PairMixingOptions& options() const { return options_; }

 private:
  /// Draws for a microbatch and returns its mixed input. The calls below are about this draw.
  virtual at::Tensor draw_and_mix(const at::Tensor& input, const at::Tensor& targets,
                                  const at::Generator& generator) = 0;
  virtual at::Tensor mix_targets(const at::Tensor& logits, const at::Tensor& targets) const = 0;
  /// Which sample each is mixed with, on the input's device.
  virtual const at::Tensor& permutation() const = 0;
  /// How much that one counts for.
  virtual double weight() const = 0;

  void mix_input(State& state);
  void replace_targets(State& state);
  void mix_loss(State& state);
  void restore(State& state);

  const PairMixingOptions options_;
  // What the microbatch had, until it is restored.
  at::Tensor found_input_;
  at::Tensor found_targets_;
};

}  // namespace composer
