#pragma once

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace composer {

/// What is trained on: one scalar, or several named terms whose sum is. Terms that are not scalars
/// count with their mean. A term called "total" is trained on alone; the others are only reported.
/// An empty Loss says that the model updated itself: no backward, no optimizer step.
class Loss {
 public:
  using Term = std::pair<std::string, at::Tensor>;

  Loss() = default;
  /// One term, called "total".
  Loss(at::Tensor total) { terms_.emplace_back("total", std::move(total)); }  // NOLINT: implicit
  Loss(std::initializer_list<Term> terms) : terms_(terms) {}
  explicit Loss(std::vector<Term> terms) : terms_(std::move(terms)) {}

  bool empty() const { return terms_.empty(); }
  const std::vector<Term>& terms() const { return terms_; }

  /// The scalar to call backward on; undefined when empty.
  at::Tensor total() const;

  /// Every term times `factor`.
  Loss scaled(double factor) const;
  /// The terms without their graph.
  Loss detached() const;
  /// Adds `other` term by term; terms that only `other` has are appended.
  void add(const Loss& other);

 private:
  std::vector<Term> terms_;
};

/// (1 - weight) a + weight b, term by term. REQUIRES: the same terms in both.
Loss lerp(const Loss& a, const Loss& b, double weight);

}  // namespace composer
