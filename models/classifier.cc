#include "models/classifier.h"

#include <ATen/ATen.h>

#include "composer/core/autocast.h"
#include "composer/metrics/accuracy.h"
#include "composer/metrics/classes.h"
#include "composer/metrics/cross_entropy.h"

namespace composer {

at::Tensor soft_cross_entropy(const at::Tensor& outputs, const at::Tensor& targets) {
  const at::Tensor logits = upcast_half(outputs);
  if (!has_class_probabilities(logits, targets)) return at::cross_entropy_loss(logits, targets);
  const at::Tensor probabilities = targets.to(logits.scalar_type());
  return at::cross_entropy_loss(logits, probabilities, {}, at::Reduction::Sum) /
         probabilities.sum();
}

at::Tensor soft_cross_entropy_per_sample(const at::Tensor& outputs, const at::Tensor& targets) {
  const at::Tensor logits = upcast_half(outputs);
  const bool soft = has_class_probabilities(logits, targets);
  const at::Tensor losses = at::cross_entropy_loss(
      logits, soft ? targets.to(logits.scalar_type()) : targets, {}, at::Reduction::None);
  return losses.dim() == 1 ? losses : losses.flatten(1).mean(1);
}

Classifier::Classifier(int64_t num_classes) : num_classes_(num_classes) {
  TORCH_CHECK_VALUE(num_classes >= 1, "a classifier needs at least one class, not ", num_classes);
}

Outputs Classifier::forward(const Batch& batch) {
  return {{"logits", logits(batch.at(batch.input_name()))}};
}

Loss Classifier::loss(const Outputs& outputs, const Batch& batch) {
  return soft_cross_entropy(outputs.at("logits"), batch.at(batch.target_name()));
}

at::Tensor Classifier::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  return soft_cross_entropy_per_sample(outputs.at("logits"), batch.at(batch.target_name()));
}

MetricCollection Classifier::metrics(bool is_train) const {
  MetricCollection metrics;
  if (!is_train) metrics.add("cross_entropy", std::make_unique<CrossEntropy>());
  metrics.add("accuracy", std::make_unique<Accuracy>());
  return metrics;
}

}  // namespace composer
