#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace composer {

/// What a tensor holds.
struct TensorSummary {
  /// What it was called by ValueTrace::name: "parameter fc1.weight"; empty when it has no name.
  std::string name;
  /// "float32"
  std::string dtype;
  std::vector<int64_t> shape;
  int64_t nans = 0;
  int64_t infinities = 0;
  /// How many others there are, and their smallest and largest.
  int64_t finite_values = 0;
  double min = 0;
  double max = 0;

  bool finite() const { return nans == 0 && infinities == 0; }
};

/// REQUIRES: defined. Anything but dense tensors of floating point is without values here.
TensorSummary summarise(const at::Tensor& tensor);

/// Where a value that is not finite came into being: an operator that made it of inputs that were
/// better, or a tensor that held it from the start.
struct BadValue {
  /// "aten::log"; empty for a tensor of the start, which is then the only input.
  std::string op;
  /// The operators that called it, outermost first.
  std::vector<std::string> callers;
  /// "forward", "loss", "backward", or what ValueTrace::set_phase said.
  std::string phase;
  /// The function of the backward pass that it was called in: "LogBackward0".
  std::string backward_node;
  /// NaN; otherwise an infinity.
  bool nan = false;
  /// Of the tensors that it was given, in their order, before it ran.
  std::vector<TensorSummary> inputs;
};

/// Watches every operator of the process while it lives and follows values that are not finite from
/// where they arise: an operator whose outputs are not finite hands on where those of its inputs
/// come from, or is itself where they begin. An infinity of which an operator makes NaN is followed
/// too. So a NaN that nothing comes of (in the branch that a `where` does not take) is not accused,
/// nor an infinity that is meant (a mask). Of operators that call others, the innermost is named.
/// What allocates without filling (`empty`) is not judged.
///
/// Much slower than training, and keeps the memory of bad tensors. At most one lives at a time.
class ValueTrace {
 public:
  ValueTrace();
  ~ValueTrace();

  ValueTrace(const ValueTrace&) = delete;
  ValueTrace& operator=(const ValueTrace&) = delete;

  /// Calls a tensor, and every one that shares its memory, by a name from now on.
  void name(const at::Tensor& tensor, const std::string& name);
  /// What runs from now on, outside of a backward pass.
  void set_phase(absl::string_view phase);

  /// Where the bad values of one of `tensors` come from, with what led to it first: that of the
  /// tensor whose came first. Empty when all are finite, or when that was not seen.
  std::vector<BadValue> origin_of(const std::vector<at::Tensor>& tensors) const;

 private:
  struct Implementation;

  const std::unique_ptr<Implementation> implementation_;
};

}  // namespace composer
