#include "models/token_loss.h"

#include <ATen/ATen.h>

#include "composer/core/autocast.h"
#include "composer/metrics/accuracy.h"
#include "composer/metrics/cross_entropy.h"
#include "composer/metrics/perplexity.h"

namespace composer {

at::Tensor next_labels(const at::Tensor& labels) {
  return at::constant_pad_nd(labels.slice(1, 1), {0, 1}, kIgnoredLabel);
}

at::Tensor flat_logits(const at::Tensor& logits) { return logits.reshape({-1, logits.size(-1)}); }

at::Tensor token_cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  return at::cross_entropy_loss(upcast_half(flat_logits(logits)), labels.reshape(-1), {},
                                at::Reduction::Mean, kIgnoredLabel);
}

at::Tensor token_cross_entropy_per_sample(const at::Tensor& logits, const at::Tensor& labels) {
  const at::Tensor losses = at::cross_entropy_loss(
      upcast_half(flat_logits(logits)), labels.reshape(-1), {}, at::Reduction::None, kIgnoredLabel);
  const at::Tensor counts = labels.ne(kIgnoredLabel).sum(1).clamp_min(1);
  return losses.view_as(labels).sum(1) / counts;
}

int64_t count_labels(const at::Tensor& labels) {
  return at::count_nonzero(labels != kIgnoredLabel).item<int64_t>();
}

MetricCollection token_metrics(bool is_train) {
  MetricCollection metrics;
  if (is_train) return metrics;
  metrics.add("cross_entropy", std::make_unique<CrossEntropy>());
  metrics.add("perplexity", std::make_unique<Perplexity>());
  metrics.add("accuracy", std::make_unique<Accuracy>());
  return metrics;
}

}  // namespace composer
