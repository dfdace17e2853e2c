#include "composer/metrics/accuracy.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <limits>

#include "composer/base/status.h"
#include "composer/metrics/classes.h"

namespace composer {

Accuracy::Accuracy(AccuracyOptions options) : options_(options) {
  TORCH_CHECK_VALUE(options.top_k >= 1, "top_k must be at least 1, not ", options.top_k);
}

namespace {

// Where a loop over the values costs less than the calls of a dozen operators.
bool is_small(const at::Tensor& outputs) {
  constexpr int64_t kSmall = 4096;
  return outputs.is_cpu() && outputs.scalar_type() == at::kFloat && outputs.dim() == 2 &&
         outputs.size(1) > 0 && outputs.is_contiguous() && outputs.numel() <= kSmall;
}

// As argmax: the first of equal values, and NaN above all others.
int64_t largest(const float* values, int64_t size) {
  int64_t best = 0;
  for (int64_t i = 0; i < size; ++i) {
    if (std::isnan(values[i])) return i;
    if (values[i] > values[best]) best = i;
  }
  return best;
}

}  // namespace

void Accuracy::add_small(const at::Tensor& outputs, const at::Tensor& targets) {
  const at::Tensor labels = targets.contiguous();
  const float* values = outputs.const_data_ptr<float>();
  const int64_t* label = labels.const_data_ptr<int64_t>();
  int64_t right = 0, counted = 0;
  for (int64_t i = 0; i < labels.numel(); ++i) {
    if (label[i] == options_.ignore_index) continue;
    ++counted;
    right += largest(values + i * outputs.size(1), outputs.size(1)) == label[i];
  }
  counted_.add(counted);
  right_.add(right);
}

void Accuracy::update(const at::Tensor& outputs, const at::Tensor& targets) {
  const c10::NoGradGuard no_grad;
  const bool soft = has_class_probabilities(outputs, targets);
  if (options_.top_k == 1 && !soft && is_small(outputs) && targets.is_cpu() &&
      targets.scalar_type() == at::kLong && targets.dim() == 1 &&
      targets.size(0) == outputs.size(0)) {
    add_small(outputs, targets);
    return;
  }
  const at::Tensor classes = soft ? targets.argmax(1) : targets;
  at::Tensor right;
  if (options_.top_k == 1) {
    right = outputs.argmax(1).eq(classes);
  } else {
    TORCH_CHECK_VALUE(options_.top_k <= outputs.size(1), "top-", options_.top_k,
                      " accuracy needs as many classes; there are ", outputs.size(1));
    const at::Tensor best = std::get<1>(outputs.topk(options_.top_k, 1, true, /*sorted=*/false));
    right = best.eq(classes.unsqueeze(1)).any(1);
  }
  if (soft) {
    counted_.add(right.numel());
  } else {
    const at::Tensor counts = classes.ne(options_.ignore_index);
    right = right.logical_and_(counts);
    counted_.add(counts.sum());
  }
  right_.add(right.sum());
}

double Accuracy::compute() const {
  const double counted = counted_.value();
  return counted > 0 ? right_.value() / counted : std::numeric_limits<double>::quiet_NaN();
}

void Accuracy::reset() {
  right_.reset();
  counted_.reset();
}

void Accuracy::merge(const Metric& other) {
  const auto* accuracy = dynamic_cast<const Accuracy*>(&other);
  TORCH_CHECK_VALUE(accuracy != nullptr && accuracy->options_.top_k == options_.top_k &&
                        accuracy->options_.ignore_index == options_.ignore_index,
                    "an accuracy merges only with one of the same settings");
  right_.merge(accuracy->right_);
  counted_.merge(accuracy->counted_);
}

std::unique_ptr<Metric> Accuracy::fresh() const { return std::make_unique<Accuracy>(options_); }

StateDict Accuracy::state_dict() const {
  StateDict state;
  right_.save(state, "right");
  counted_.save(state, "counted");
  return state;
}

absl::Status Accuracy::load_state_dict(const StateDict& state) {
  COMPOSER_RETURN_IF_ERROR(right_.load(state, "right"));
  return counted_.load(state, "counted");
}

}  // namespace composer
