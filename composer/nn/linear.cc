#include "composer/nn/linear.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/linear.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace composer {
namespace {

namespace autograd = torch::autograd;

// Of [..., n] the same values as [rows, n]; views where the strides allow it.
at::Tensor as_rows(const at::Tensor& tensor) {
  return tensor.dim() == 2 ? tensor : tensor.reshape({-1, tensor.size(-1)});
}

// Made of differentiable operators, so that it can be differentiated again.
class LinearBackward final : public autograd::Node {
 public:
  LinearBackward(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias)
      : autograd::Node(autograd::collect_next_edges(input, weight, bias)),
        input_(input, /*is_output=*/false),
        weight_(weight, /*is_output=*/false) {}

  autograd::variable_list apply(autograd::variable_list&& gradients) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    autograd::variable_list result(3);
    if (!gradients[0].defined()) return result;
    const at::Tensor gradient = as_rows(gradients[0]);
    if (task_should_compute_output(0)) {
      const at::Tensor& of_output = gradients[0];
      std::vector<int64_t> shape = of_output.sizes().vec();
      const at::Tensor weight = weight_.unpack();
      shape.back() = weight.size(1);
      result[0] = gradient.mm(weight);
      if (of_output.dim() != 2) result[0] = result[0].view(shape);
    }
    if (task_should_compute_output(1)) {
      result[1] = gradient.t().mm(as_rows(input_.unpack()));
    }
    if (task_should_compute_output(2)) result[2] = gradient.sum(0);
    return result;
  }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    input_.reset_data();
    weight_.reset_data();
  }

  std::string name() const override { return "LinearBackward"; }

 private:
  autograd::SavedVariable input_;
  autograd::SavedVariable weight_;
};

bool is_plain(const at::Tensor& tensor, at::ScalarType type) {
  return tensor.defined() && tensor.is_cpu() && tensor.layout() == at::kStrided &&
         tensor.scalar_type() == type && !autograd::isFwGradDefined(tensor);
}

bool fits(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  const at::ScalarType type = weight.scalar_type();
  return at::isFloatingType(type) && is_plain(input, type) && is_plain(weight, type) &&
         is_plain(bias, type) && input.dim() >= 2 && input.is_contiguous() && input.numel() > 0 &&
         weight.dim() == 2 && weight.is_contiguous() && bias.dim() == 1 &&
         input.size(-1) == weight.size(1) && bias.size(0) == weight.size(0) &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

}  // namespace

at::Tensor linear(const at::Tensor& input, const at::Tensor& weight, const at::Tensor& bias) {
  if (!autograd::compute_requires_grad(input, weight, bias) || !fits(input, weight, bias)) {
    return at::linear(input, weight, bias);
  }
  auto backward = std::make_shared<LinearBackward>(input, weight, bias);
  at::Tensor output;
  {
    const at::AutoDispatchBelowADInplaceOrView no_graph;
    if (input.dim() == 2) {
      output = at::addmm(bias, input, weight.t());
    } else {
      std::vector<int64_t> shape = input.sizes().vec();
      shape.back() = weight.size(0);
      output = at::addmm(bias, as_rows(input), weight.t()).view(shape);
    }
  }
  autograd::set_history(output, backward);
  return output;
}

}  // namespace composer
