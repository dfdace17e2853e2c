#include "algorithms/agreement.h"

#include <ATen/ATen.h>

#include <vector>

#include "composer/core/autocast.h"

namespace composer {
namespace {

at::Tensor log_probabilities(const at::Tensor& logits, const Positions& positions) {
  return at::log_softmax(upcast_half(logits), positions.class_dim);
}

at::Tensor probabilities(const at::Tensor& logits, const Positions& positions) {
  return at::softmax(upcast_half(logits), positions.class_dim);
}

at::Tensor squared_difference(const at::Tensor& a, const at::Tensor& b) {
  return (upcast_half(a) - upcast_half(b)).square().mean();
}

bool classes_are_last(at::IntArrayRef logits, at::IntArrayRef positions) {
  if (logits.size() != positions.size() + 1 || logits.slice(0, positions.size()) != positions) {
    return false;
  }
  std::vector<int64_t> without_second = logits.vec();
  without_second.erase(without_second.begin() + 1);
  return at::IntArrayRef(without_second) != positions;
}

}  // namespace

at::Tensor Positions::mean(const at::Tensor& values) const {
  if (!counted.defined()) return values.mean();
  return at::where(counted, values, 0).sum() / counted.sum().clamp_min(1);
}

Positions positions_of(const at::Tensor& logits, const Batch& batch) {
  if (logits.dim() < 2 || (logits.dim() == 2 && logits.size(1) == 1)) return {.class_dim = -1};
  const at::Tensor* const targets = batch.find(batch.target_name());
  const at::Tensor* const reference = targets != nullptr ? targets : batch.find("input_ids");
  Positions positions;
  if (reference == nullptr) return positions;
  if (classes_are_last(logits.sizes(), reference->sizes())) positions.class_dim = logits.dim() - 1;
  const bool are_classes = targets != nullptr && targets->dim() + 1 == logits.dim() &&
                           at::isIntegralType(targets->scalar_type(), /*includeBool=*/false);
  if (are_classes) positions.counted = targets->ge(0);
  return positions;
}

at::Tensor kl_divergence(const at::Tensor& student, const at::Tensor& teacher,
                         const Positions& positions) {
  if (positions.class_dim < 0) return squared_difference(student, teacher);
  const at::Tensor from = log_probabilities(teacher, positions);
  const at::Tensor difference = from - log_probabilities(student, positions);
  return positions.mean((from.exp() * difference).sum(positions.class_dim));
}

at::Tensor symmetric_kl_divergence(const at::Tensor& first, const at::Tensor& second,
                                   const Positions& positions) {
  if (positions.class_dim < 0) return squared_difference(first, second);
  const at::Tensor a = log_probabilities(first, positions);
  const at::Tensor b = log_probabilities(second, positions);
  return positions.mean(((a.exp() - b.exp()) * (a - b)).sum(positions.class_dim)) / 2;
}

at::Tensor probability_mse(const at::Tensor& student, const at::Tensor& teacher,
                           const Positions& positions) {
  if (positions.class_dim < 0) return squared_difference(student, teacher);
  const at::Tensor difference =
      probabilities(student, positions) - probabilities(teacher, positions);
  return positions.mean(difference.square().mean(positions.class_dim));
}

Loss with_term(const Loss& loss, const std::string& name, const at::Tensor& value) {
  std::vector<Loss::Term> terms = loss.terms();
  for (auto& [term, total] : terms) {
    if (term == "total") total = Loss(total).total() + value;
  }
  terms.emplace_back(name, value);
  return Loss(std::move(terms));
}

}  // namespace composer
