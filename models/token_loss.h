#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "composer/core/metric.h"

namespace composer {

/// Labels of tokens that do not count, as Hugging Face's.
inline constexpr int64_t kIgnoredLabel = -100;

/// The label of each position's next token: `labels` [batch, sequence] one to the left, and
/// kIgnoredLabel at the end. So logits need not be cut, which would copy them.
at::Tensor next_labels(const at::Tensor& labels);

/// Logits [batch, sequence, classes] as [batch * sequence, classes].
at::Tensor flat_logits(const at::Tensor& logits);

/// The mean cross entropy of logits [batch, sequence, classes] over the labels [batch, sequence]
/// that are not kIgnoredLabel; NaN when all are. Half precision is computed in float32.
at::Tensor token_cross_entropy(const at::Tensor& logits, const at::Tensor& labels);

/// The same mean within each sequence, [batch]; 0 where all its labels are ignored.
at::Tensor token_cross_entropy_per_sample(const at::Tensor& logits, const at::Tensor& labels);

/// How many labels are not kIgnoredLabel.
int64_t count_labels(const at::Tensor& labels);

/// What says how well tokens are predicted: `cross_entropy`, `perplexity` and `accuracy` in
/// evaluation. In training the loss says it.
MetricCollection token_metrics(bool is_train);

}  // namespace composer
