#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// What an object needs to continue exactly where it was: named tensors, numbers, strings, and
/// state dicts of its parts. A value; tensors are shared, so whoever keeps one clones them
/// (`cloned`). Names are unique within their kind.
class StateDict {
 public:
  void set(absl::string_view name, at::Tensor value);
  void set(absl::string_view name, int64_t value);
  void set(absl::string_view name, double value);
  void set(absl::string_view name, absl::string_view value);
  void set(absl::string_view name, StateDict value);
  void set(absl::string_view name, bool value) { set(name, static_cast<int64_t>(value)); }
  void set(absl::string_view name, int value) { set(name, static_cast<int64_t>(value)); }
  void set(absl::string_view name, const char* value) { set(name, absl::string_view(value)); }

  /// NotFound, with the names of that kind that there are, when `name` is missing.
  absl::StatusOr<at::Tensor> tensor(absl::string_view name) const;
  absl::StatusOr<int64_t> integer(absl::string_view name) const;
  absl::StatusOr<double> number(absl::string_view name) const;
  absl::StatusOr<std::string> string(absl::string_view name) const;
  absl::StatusOr<const StateDict*> child(absl::string_view name) const;

  const std::map<std::string, at::Tensor>& tensors() const { return tensors_; }
  const std::map<std::string, int64_t>& integers() const { return integers_; }
  const std::map<std::string, double>& numbers() const { return numbers_; }
  const std::map<std::string, std::string>& strings() const { return strings_; }
  const std::map<std::string, StateDict>& children() const { return children_; }

  bool empty() const;
  /// With tensors of its own.
  StateDict cloned() const;
  /// Bit equality, tensors included: NaN equals the same NaN.
  bool identical(const StateDict& other) const;
  /// The path of the first entry that differs, "optimizer.0.momentum.fc1.weight"; empty when
  /// identical.
  std::string first_difference(const StateDict& other) const;

 private:
  std::map<std::string, at::Tensor> tensors_;
  std::map<std::string, int64_t> integers_;
  std::map<std::string, double> numbers_;
  std::map<std::string, std::string> strings_;
  std::map<std::string, StateDict> children_;
};

/// What carries state through a checkpoint. What has none inherits these.
class Stateful {
 public:
  virtual ~Stateful() = default;
  virtual StateDict state_dict() const { return {}; }
  virtual absl::Status load_state_dict(const StateDict& state) { return absl::OkStatus(); }
};

}  // namespace composer
