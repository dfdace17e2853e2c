#pragma once

#include <torch/nn/module.h>

#include "composer/core/loss.h"
#include "composer/core/metric.h"
#include "composer/core/tensor_dict.h"
#include "composer/core/train_step.h"

namespace composer {

/// A model that can be trained: `forward` is split from `loss`, so that algorithms can act between
/// the two. An ordinary torch::nn::Module, usable without the trainer:
///
///   Outputs outputs = model.forward(batch);
///   Loss loss = model.loss(outputs, batch);
///   loss.total().backward();
///
/// These functions throw, as LibTorch's do.
class ComposerModel : public torch::nn::Module {
 public:
  virtual Outputs forward(const Batch& batch) = 0;

  virtual Loss loss(const Outputs& outputs, const Batch& batch) = 0;

  /// The loss of each sample, shape [batch], whose mean is `loss`; with its graph. Algorithms that
  /// choose among samples need it. The default throws a NotImplementedError.
  virtual at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch);
  /// True where `per_sample_loss` is overridden; asked when the trainer is created.
  virtual bool has_per_sample_loss() const { return false; }

  /// What metrics are computed from, and what `predict` gives.
  virtual Outputs eval_forward(const Batch& batch) { return forward(batch); }

  /// Over how many tokens `loss` takes its mean: what a microbatch weighs when a run accumulates by
  /// tokens. Then the gradient is that of the whole batch, however the tokens are spread. The
  /// default counts the labels that are not -100; where there are no labels, all tokens. A model
  /// whose loss ignores another label, or averages over something else, overrides it. Asked of
  /// a microbatch before algorithms act on it; 0 says that there is nothing to learn from it, and
  /// its backward is left out. The default throws a ValueError where there is nothing to count.
  virtual int64_t num_loss_tokens(const Batch& batch) const;

  /// Fresh metrics for training or for evaluation; each evaluator asks for its own.
  virtual MetricCollection metrics(bool is_train) const { return {}; }

  /// Feeds one metric. The default gives it `logits`, or the only output there is, and the batch's
  /// target.
  virtual void update_metric(Metric& metric, const Outputs& outputs, const Batch& batch);

  /// The text of config.json, with which Hugging Face's loaders take a checkpoint's folder as one
  /// of their models; empty where it is none of them.
  virtual std::string huggingface_config() const { return {}; }

  /// One microbatch, from its forward to its loss; the trainer then calls backward on what is
  /// returned. The default is
  ///
  ///   step.forward();
  ///   return step.loss();
  ///
  /// Overridden, it may do anything, such as update several optimizers by itself and return an
  /// empty Loss: then backward, the optimizer step and their events are left out, while the clock
  /// and the schedulers go on. TrainStep says what is at hand.
  virtual Loss train_step(TrainStep& step);
};

}  // namespace composer
