#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "algorithms/weight_average.h"
#include "composer/core/algorithm.h"

namespace composer {

namespace config {
class EmaDistillation;
}

/// The weight of the consistency after the part `elapsed` of training, as a part of the full one:
/// exp(-5 (1 - elapsed / ramp_up)^2) up to `ramp_up`, then 1 (Laine and Aila, 2016,
/// arXiv:1610.02242).
double consistency_ramp(double elapsed, double ramp_up);

/// What the teacher keeps of itself at the end of the `batches`-th batch, counted from 1:
/// min(1 - 1 / (batches + 1), smoothing), so that the first weights are soon forgotten.
double teacher_smoothing(int64_t batches, double smoothing);

struct EmaDistillationOptions {
  /// How the probabilities of the two are compared.
  enum class Consistency {
    /// The mean squared difference, as in the paper.
    kMse,
    /// The divergence of the model's from the teacher's.
    kKl,
  };
  /// What disagreement counts in the loss, once ramped up.
  double weight = 1;
  /// The part of training over which the weight grows.
  double ramp_up = 0.1;
  double smoothing = 0.999;
  Consistency consistency = Consistency::kMse;
};

/// Trains the model to agree with its mean teacher, an exponential moving average of its weights
/// (Tarvainen and Valpola, 2017, arXiv:1703.01780), whose outputs for the same input are the
/// targets of one more term of the loss. Takes one more forward pass a step, without gradients.
///
/// fit_start makes the teacher, a copy of the model; batch_end moves it. before_forward, after
/// every other algorithm, puts the teacher's weights in the model, computes its outputs for the
/// input that the model is about to get, and puts the model's own back, to the bit.
/// before_backward, again the last, adds the term "ema_distillation". Evaluation is left alone;
/// combine it with Ema to evaluate an average. Buffers are averaged as parameters are, and
/// positions whose target is to be ignored are left out.
///
/// State: the teacher. Needs a model with one output, or one called "logits". One whose
/// train_step calls forward twice before it calls backward is not served: autograd refuses weights
/// that were moved in between.
///
/// Differs from the paper: the teacher computes in evaluation mode, without dropout and with
/// averaged statistics, so that its targets are not noisy and the model's own draws stay what they
/// are.
class EmaDistillation final : public Algorithm {
 public:
  using Config = config::EmaDistillation;
  static absl::StatusOr<std::unique_ptr<Algorithm>> create(const Config& config);

  explicit EmaDistillation(EmaDistillationOptions options = {});

  AlgorithmTraits traits() const override;
  bool match(Event event, const State& state) const override;
  void apply(Event event, State& state, Logger& logger) override;
  StateDict state_dict() const override { return teacher_.state_dict(); }
  absl::Status load_state_dict(const StateDict& state) override {
    return teacher_.load_state_dict(state);
  }

 private:
  void ask_teacher(State& state);
  void add_consistency(State& state) const;

  const EmaDistillationOptions options_;
  WeightAverage teacher_{WeightAverage::Buffers::kAveraged};
  // For the microbatch.
  at::Tensor teacher_logits_;
};

}  // namespace composer
