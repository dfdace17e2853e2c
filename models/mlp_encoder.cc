#include "models/mlp_encoder.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/embedding.h>

#include <memory>

#include "composer/base/status.h"
#include "composer/core/autocast.h"
#include "composer/core/registries.h"
#include "composer/metrics/accuracy.h"
#include "composer/metrics/cross_entropy.h"
#include "composer/nn/linear.h"
#include "models/checks.h"
#include "proto/model.pb.h"

namespace composer {
namespace {

constexpr int64_t kIgnore = -1;

// One row a token.
at::Tensor flat_logits(const Outputs& outputs) {
  const at::Tensor& logits = outputs.at("logits");
  return logits.reshape({-1, logits.size(-1)});
}

at::Tensor flat_labels(const Batch& batch) { return batch.at("labels").reshape(-1); }

}  // namespace

MLPEncoder::MLPEncoder(const MLPEncoderOptions& options)
    : embedding_(*this, "embedding",
                 make_layer<torch::nn::EmbeddingImpl>(options.input_dim, options.hidden_dim)),
      fc1_(*this, "fc1", make_layer<LinearImpl>(options.hidden_dim, options.hidden_dim)),
      relu_(*this, "relu", make_layer<torch::nn::ReLUImpl>()),
      fc2_(*this, "fc2", make_layer<LinearImpl>(options.hidden_dim, options.output_dim)) {}

Outputs MLPEncoder::forward(const Batch& batch) {
  const at::Tensor embedded = embedding_->forward(batch.at("input_ids"));
  return {{"logits", fc2_->forward(relu_->forward(fc1_->forward(embedded)))}};
}

Loss MLPEncoder::loss(const Outputs& outputs, const Batch& batch) {
  return at::cross_entropy_loss(upcast_half(flat_logits(outputs)), flat_labels(batch), {},
                                at::Reduction::Mean, kIgnore);
}

int64_t MLPEncoder::num_loss_tokens(const Batch& batch) const {
  return at::count_nonzero(batch.at("labels") != kIgnore).item<int64_t>();
}

at::Tensor MLPEncoder::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  const at::Tensor& labels = batch.at("labels");
  const at::Tensor losses = at::cross_entropy_loss(
      upcast_half(flat_logits(outputs)), flat_labels(batch), {}, at::Reduction::None, kIgnore);
  const at::Tensor counts = labels.ne(kIgnore).flatten(1).sum(1).clamp_min(1);
  return losses.view_as(labels).flatten(1).sum(1) / counts;
}

MetricCollection MLPEncoder::metrics(bool is_train) const {
  MetricCollection metrics;
  if (!is_train) {
    metrics.add("cross_entropy",
                std::make_unique<CrossEntropy>(CrossEntropyOptions{.ignore_index = kIgnore}));
  }
  metrics.add("accuracy", std::make_unique<Accuracy>(AccuracyOptions{.ignore_index = kIgnore}));
  return metrics;
}

void MLPEncoder::update_metric(Metric& metric, const Outputs& outputs, const Batch& batch) {
  metric.update(flat_logits(outputs), flat_labels(batch));
}

namespace {

struct ConfiguredMLPEncoder {
  using Config = config::MLPEncoder;

  static absl::StatusOr<std::shared_ptr<ComposerModel>> create(const Config& config) {
    COMPOSER_RETURN_IF_ERROR(check_positive("input_dim", config.input_dim()));
    COMPOSER_RETURN_IF_ERROR(check_positive("hidden_dim", config.hidden_dim()));
    COMPOSER_RETURN_IF_ERROR(check_positive("output_dim", config.output_dim()));
    return std::make_shared<MLPEncoder>(MLPEncoderOptions{.input_dim = config.input_dim(),
                                                          .hidden_dim = config.hidden_dim(),
                                                          .output_dim = config.output_dim()});
  }
};

COMPOSER_REGISTER(ComposerModel, ConfiguredMLPEncoder);

}  // namespace
}  // namespace composer
