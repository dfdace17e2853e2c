#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "composer/core/model.h"

namespace composer {

/// The cross entropy of logits [batch, classes, ...] with targets that are class indices
/// [batch, ...] (negative ones are ignored where they are -100) or probabilities of the logits'
/// shape. For probabilities it is Composer's soft cross entropy: the sum divided by the total
/// probability, which is the mean over the batch when every sample's sum to 1. Half precision is
/// computed in float32.
at::Tensor soft_cross_entropy(const at::Tensor& logits, const at::Tensor& targets);

/// The same for each sample, shape [batch]; averaged over positions where a sample has several.
at::Tensor soft_cross_entropy_per_sample(const at::Tensor& logits, const at::Tensor& targets);

/// A model that gives one logit a class for each sample: subclasses write `logits`, and loss,
/// per-sample loss and metrics follow.
///
/// Batch: `input` and `target`, class indices or probabilities. Outputs: `logits`. Metrics:
/// `accuracy` in training; `cross_entropy` and `accuracy` in evaluation.
class Classifier : public ComposerModel {
 public:
  explicit Classifier(int64_t num_classes);

  /// Logits [batch, classes, ...] of the inputs.
  virtual at::Tensor logits(const at::Tensor& input) = 0;

  Outputs forward(const Batch& batch) override;
  Loss loss(const Outputs& outputs, const Batch& batch) override;
  at::Tensor per_sample_loss(const Outputs& outputs, const Batch& batch) override;
  bool has_per_sample_loss() const override { return true; }
  MetricCollection metrics(bool is_train) const override;

  int64_t num_classes() const { return num_classes_; }

 private:
  const int64_t num_classes_;
};

/// A classifier around any module with a forward from a tensor to a tensor. The module's parameters
/// are called "module." and their own name, as in Composer's ComposerClassifier.
template <typename Wrapped>
class ModuleClassifier final : public Classifier {
 public:
  /// `module`: a holder such as torch::nn::Sequential or a shared_ptr to a module.
  ModuleClassifier(Wrapped module, int64_t num_classes)
      : Classifier(num_classes), module_(std::move(module)) {
    register_module("module", module_);
  }

  at::Tensor logits(const at::Tensor& input) override { return module_->forward(input); }

  Wrapped& module() { return module_; }

 private:
  Wrapped module_;
};

/// make_classifier(torch::nn::Sequential(...), 10)
template <typename Wrapped>
std::shared_ptr<ModuleClassifier<Wrapped>> make_classifier(Wrapped module, int64_t num_classes) {
  return std::make_shared<ModuleClassifier<Wrapped>>(std::move(module), num_classes);
}

}  // namespace composer
