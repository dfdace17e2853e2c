#include "tests/testing/tiny.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace composer::testing {

TinyModel::TinyModel() { weight = register_parameter("weight", at::randn({3, 4}) * 0.1); }

Outputs TinyModel::forward(const Batch& batch) {
  return {{"logits", at::linear(batch.at("input"), weight)}};
}

Loss TinyModel::loss(const Outputs& outputs, const Batch& batch) {
  return at::cross_entropy_loss(outputs.at("logits"), batch.at("target"));
}

at::Tensor TinyModel::per_sample_loss(const Outputs& outputs, const Batch& batch) {
  return at::cross_entropy_loss(outputs.at("logits"), batch.at("target"), {}, at::Reduction::None);
}

MetricCollection TinyModel::metrics(bool is_train) const {
  MetricCollection metrics;
  metrics.add("accuracy", std::make_unique<TinyAccuracy>());
  return metrics;
}

void TinyAccuracy::update(const at::Tensor& outputs, const at::Tensor& targets) {
  const at::Tensor labels = targets.dim() == 2 ? targets.argmax(1) : targets;
  right_ += outputs.argmax(1).eq(labels).sum().item<int64_t>();
  seen_ += outputs.size(0);
}

double TinyAccuracy::compute() const {
  return seen_ == 0 ? std::nan("") : static_cast<double>(right_) / static_cast<double>(seen_);
}

void TinyAccuracy::merge(const Metric& other) {
  const auto& accuracy = dynamic_cast<const TinyAccuracy&>(other);
  right_ += accuracy.right_;
  seen_ += accuracy.seen_;
}

TinyLoader::TinyLoader(int64_t samples, int64_t batch_size, uint64_t seed)
    : batch_size_(batch_size) {
  const at::Generator generator = at::detail::createCPUGenerator(seed);
  all_.set("input", at::randn({samples, 4}, generator));
  all_.set("target", at::randint(3, {samples}, generator, at::TensorOptions(at::kLong)));
}

std::optional<int64_t> TinyLoader::batches_per_epoch() const {
  if (stream) return {};
  return (all_.num_samples() + batch_size_ - 1) / batch_size_;
}

std::optional<Batch> TinyLoader::next() {
  const int64_t start = position_++ * batch_size_;
  const int64_t samples = all_.num_samples();
  if (start >= samples) return {};
  Batch batch;
  for (const auto& [name, tensor] : all_) {
    batch.set(name, tensor.narrow(0, start, std::min(batch_size_, samples - start)).clone());
  }
  return batch;
}

PlainSgd::PlainSgd(std::vector<NamedParameter> parameters, double lr) {
  groups_.push_back({.parameters = std::move(parameters), .lr = lr, .initial_lr = lr});
}

void PlainSgd::update_parameters() {
  const at::NoGradGuard no_grad;
  used.push_back(groups_.front().lr);
  for (ParameterGroup& group : groups_) {
    for (NamedParameter& parameter : group.parameters) {
      if (parameter.tensor.grad().defined()) {
        parameter.tensor.sub_(parameter.tensor.grad(), group.lr);
      }
    }
  }
}

OptimizerFactory plain_sgd(double lr) {
  return
      [lr](std::vector<NamedParameter> parameters) -> absl::StatusOr<std::unique_ptr<Optimizer>> {
        return std::make_unique<PlainSgd>(std::move(parameters), lr);
      };
}

void EventRecorder::run_event(Event event, State& state, Logger& logger) {
  events_->emplace_back(event_name(event));
}

}  // namespace composer::testing
