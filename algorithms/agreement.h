#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "composer/core/loss.h"
#include "composer/core/tensor_dict.h"

namespace composer {

// What methods that train two outputs of a model to agree share.

/// Where logits predict something: at the samples of [samples, classes], the tokens of [samples,
/// tokens, classes], the pixels of [samples, classes, height, width].
struct Positions {
  /// Negative where there are no classes: one number for each sample, a regression's.
  int64_t class_dim = 1;
  /// True for those that count; undefined when all do.
  at::Tensor counted = {};

  /// The mean of `values`, one for each position, over those that count; 0 where none does.
  at::Tensor mean(const at::Tensor& values) const;
};

/// The positions of `logits`. There are no classes in outputs of shape [samples] or [samples, 1],
/// which are compared by their squared difference instead of what is said below. Else they are
/// their last dimension where the batch's targets, or its input_ids where it has none, have the
/// shape of the others, else the second. A position whose target is a negative class, one to
/// ignore, does not count.
Positions positions_of(const at::Tensor& logits, const Batch& batch);

/// KL(teacher || student) of the probabilities, and half the sum of both ways: means over
/// positions.
at::Tensor kl_divergence(const at::Tensor& student, const at::Tensor& teacher,
                         const Positions& positions);
at::Tensor symmetric_kl_divergence(const at::Tensor& first, const at::Tensor& second,
                                   const Positions& positions);

/// The squared difference of the probabilities, mean over classes and positions.
at::Tensor probability_mse(const at::Tensor& student, const at::Tensor& teacher,
                           const Positions& positions);

/// `loss` and `value`, which is reported as the term `name` and counts in the total.
Loss with_term(const Loss& loss, const std::string& name, const at::Tensor& value);

}  // namespace composer
