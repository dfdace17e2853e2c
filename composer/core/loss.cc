#include "composer/core/loss.h"

#include <ATen/TensorOperators.h>
#include <c10/util/Exception.h>

namespace composer {
namespace {

at::Tensor scalar(const at::Tensor& term) { return term.dim() == 0 ? term : term.mean(); }

}  // namespace

at::Tensor Loss::total() const {
  at::Tensor sum;
  for (const auto& [name, term] : terms_) {
    if (name == "total") return scalar(term);
    sum = sum.defined() ? sum + scalar(term) : scalar(term);
  }
  return sum;
}

Loss Loss::scaled(double factor) const {
  Loss result = *this;
  for (auto& [name, term] : result.terms_) term = term * factor;
  return result;
}

Loss Loss::detached() const {
  Loss result = *this;
  // variable_data is detach without a call through the dispatcher.
  for (auto& [name, term] : result.terms_) term = scalar(term).variable_data();
  return result;
}

void Loss::add(const Loss& other) {
  for (const auto& [name, term] : other.terms_) {
    bool found = false;
    for (auto& [own_name, own_term] : terms_) {
      if (own_name != name) continue;
      own_term = own_term + term;
      found = true;
    }
    if (!found) terms_.emplace_back(name, term);
  }
}

Loss lerp(const Loss& a, const Loss& b, double weight) {
  TORCH_CHECK_VALUE(a.terms().size() == b.terms().size(), "two losses with different terms");
  std::vector<Loss::Term> terms;
  for (size_t i = 0; i < a.terms().size(); ++i) {
    const auto& [name, term] = a.terms()[i];
    TORCH_CHECK_VALUE(b.terms()[i].first == name, "two losses with different terms");
    terms.emplace_back(name, term * (1 - weight) + b.terms()[i].second * weight);
  }
  return Loss(std::move(terms));
}

}  // namespace composer
