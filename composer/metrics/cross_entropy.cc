#include "composer/metrics/cross_entropy.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <limits>

#include "composer/base/status.h"
#include "composer/core/autocast.h"
#include "composer/metrics/classes.h"

namespace composer {

void CrossEntropy::update(const at::Tensor& outputs, const at::Tensor& targets) {
  const c10::NoGradGuard no_grad;
  const bool soft = has_class_probabilities(outputs, targets);
  // Half precision would lose the small differences between good models.
  const at::Tensor logits = upcast_half(outputs);
  const at::Tensor losses =
      at::cross_entropy_loss(logits, soft ? targets.to(logits.scalar_type()) : targets, {},
                             at::Reduction::None, options_.ignore_index);
  loss_.add(losses.sum(at::kDouble));
  counted_.add(soft ? at::full({}, losses.numel(), losses.options().dtype(at::kLong))
                    : targets.ne(options_.ignore_index).sum());
}

double CrossEntropy::compute() const {
  const double counted = counted_.value();
  return counted > 0 ? loss_.value() / counted : std::numeric_limits<double>::quiet_NaN();
}

void CrossEntropy::reset() {
  loss_.reset();
  counted_.reset();
}

void CrossEntropy::merge(const Metric& other) {
  const auto* entropy = dynamic_cast<const CrossEntropy*>(&other);
  TORCH_CHECK_VALUE(entropy != nullptr && entropy->options_.ignore_index == options_.ignore_index,
                    "a cross entropy merges only with one of the same settings");
  loss_.merge(entropy->loss_);
  counted_.merge(entropy->counted_);
}

std::unique_ptr<Metric> CrossEntropy::fresh() const {
  return std::make_unique<CrossEntropy>(options_);
}

StateDict CrossEntropy::state_dict() const {
  StateDict state;
  loss_.save(state, "loss");
  counted_.save(state, "counted");
  return state;
}

absl::Status CrossEntropy::load_state_dict(const StateDict& state) {
  COMPOSER_RETURN_IF_ERROR(loss_.load(state, "loss"));
  return counted_.load(state, "counted");
}

}  // namespace composer
