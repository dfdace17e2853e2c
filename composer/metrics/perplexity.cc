#include "composer/metrics/perplexity.h"

#include <c10/util/Exception.h>

#include <cmath>

namespace composer {

void Perplexity::update(const at::Tensor& outputs, const at::Tensor& targets) {
  cross_entropy_.update(outputs, targets);
}

double Perplexity::compute() const { return std::exp(cross_entropy_.compute()); }

void Perplexity::reset() { cross_entropy_.reset(); }

void Perplexity::merge(const Metric& other) {
  const auto* perplexity = dynamic_cast<const Perplexity*>(&other);
  TORCH_CHECK_VALUE(perplexity != nullptr, "a perplexity merges only with one");
  cross_entropy_.merge(perplexity->cross_entropy_);
}

std::unique_ptr<Metric> Perplexity::fresh() const { return std::make_unique<Perplexity>(options_); }

StateDict Perplexity::state_dict() const { return cross_entropy_.state_dict(); }

absl::Status Perplexity::load_state_dict(const StateDict& state) {
  return cross_entropy_.load_state_dict(state);
}

}  // namespace composer
