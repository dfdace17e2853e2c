#include "composer/core/model.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/count_nonzero.h>
#include <c10/util/Exception.h>

namespace composer {

at::Tensor ComposerModel::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  TORCH_CHECK_NOT_IMPLEMENTED(
      false,
      "this model has no per-sample loss; override per_sample_loss to return one loss for "
      "each sample, shape [batch], and has_per_sample_loss to return true");
}

int64_t ComposerModel::num_loss_tokens(const Batch& batch) const {
  const at::Tensor* labels = batch.find("labels");
  TORCH_CHECK_VALUE(
      labels != nullptr || batch.contains("input_ids"),
      "a batch has neither \"labels\" nor \"input_ids\" whose tokens could be counted; "
      "override num_loss_tokens, or accumulate by samples");
  if (labels == nullptr) return batch.num_tokens();
  return at::count_nonzero(*labels != -100).item<int64_t>();
}

void ComposerModel::update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) {
  TORCH_CHECK_VALUE(!outputs.empty(), "the model gave no outputs to compute metrics from");
  const at::Tensor* logits = outputs.find("logits");
  TORCH_CHECK_VALUE(logits != nullptr || outputs.size() == 1,
                    "the model gives several outputs and none is called \"logits\"; override "
                    "update_metric to choose");
  metric.update(logits != nullptr ? *logits : outputs.begin()->second,
                batch.at(batch.target_name()));
}

Loss ComposerModel::train_step(TrainStep& step) {
  step.forward();
  return step.loss();
}

}  // namespace composer
