#include "composer/nn/ghost_norm.h"

#include <ATen/ATen.h>
#include <ATen/OpMathType.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <optional>
#include <vector>

#include "composer/nn/ghost_norm_kernel.h"

namespace composer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Of the input, the weight and the bias; undefined where nobody asks.
using Gradients = std::array<at::Tensor, 3>;

bool has_channels_last(at::MemoryFormat format) {
  return format == at::MemoryFormat::ChannelsLast || format == at::MemoryFormat::ChannelsLast3d;
}

// `input` is dense.
BatchInParts in_parts(const at::Tensor& input, int64_t part_size) {
  const int64_t samples = input.size(0), channels = input.size(1);
  const int64_t positions = input.numel() / samples / channels;
  return {.samples = samples,
          .channels = channels,
          .positions = positions,
          .part_size = part_size,
          .channels_last = positions == 1 || has_channels_last(input.suggest_memory_format())};
}

at::Tensor in_computed_type(const at::Tensor& tensor, const at::Tensor& input) {
  return tensor.defined() ? tensor.to(at::toOpMathType(input.scalar_type())).contiguous() : tensor;
}

at::Tensor empty_where(bool asked, const at::Tensor& tensor) {
  return asked ? at::empty_like(tensor) : at::Tensor();
}

Gradients gradients_by_kernel(const at::Tensor& gradient, const at::Tensor& input,
                              const at::Tensor& weight, const at::Tensor& mean,
                              const at::Tensor& var, int64_t part_size, double eps,
                              const std::array<bool, 3>& asked) {
  const at::Tensor channels = mean[0];
  Gradients result{empty_where(asked[0], input), empty_where(asked[1], channels),
                   empty_where(asked[2], channels)};
  normalise_parts_backward(
      in_parts(input, part_size), gradient.contiguous(input.suggest_memory_format()), input,
      in_computed_type(weight, input), mean, var, eps, result[0], result[1], result[2]);
  return result;
}

// The same of tensor operations, which can be differentiated.
Gradients gradients_by_operations(const at::Tensor& gradient, const at::Tensor& input,
                                  const at::Tensor& weight, int64_t part_size, double eps) {
  std::vector<int64_t> but_channels = {0}, of_channels(input.dim(), 1);
  for (int64_t dim = 2; dim < input.dim(); ++dim) but_channels.push_back(dim);
  of_channels[1] = -1;
  const auto mean_of = [&](const at::Tensor& t) { return t.mean(but_channels, /*keepdim=*/true); };
  const auto computed = at::toOpMathType(input.scalar_type());
  const std::vector<at::Tensor> inputs = input.to(computed).split(part_size);
  const std::vector<at::Tensor> gradients = gradient.to(computed).split(part_size);
  std::vector<at::Tensor> of_input, of_weight, of_bias;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const at::Tensor centred = inputs[i] - mean_of(inputs[i]);
    const at::Tensor inverse = (mean_of(centred.square()) + eps).rsqrt();
    const at::Tensor normalised = centred * inverse;
    const at::Tensor scaled =
        weight.defined() ? gradients[i] * weight.to(computed).view(of_channels) : gradients[i];
    of_input.push_back((scaled - mean_of(scaled) - normalised * mean_of(scaled * normalised)) *
                       inverse);
    of_weight.push_back((gradients[i] * normalised).sum(but_channels));
    of_bias.push_back(gradients[i].sum(but_channels));
  }
  return {at::cat(of_input).to(input.scalar_type()), at::stack(of_weight).sum(0),
          at::stack(of_bias).sum(0)};
}

struct GhostNorm final : torch::autograd::Function<GhostNorm> {
  static variable_list forward(AutogradContext* context, const at::Tensor& given,
                               const std::optional<at::Tensor>& weight,
                               const std::optional<at::Tensor>& bias, int64_t part_size,
                               double eps) {
    const at::Tensor input = given.contiguous(given.suggest_memory_format());
    const BatchInParts batch = in_parts(input, part_size);
    const at::Tensor output = at::empty_like(input);
    const at::Tensor mean = at::empty({batch.parts(), batch.channels},
                                      input.options().dtype(at::toOpMathType(input.scalar_type())));
    const at::Tensor var = at::empty_like(mean);
    const at::Tensor scale = weight.value_or(at::Tensor()), shift = bias.value_or(at::Tensor());
    normalise_parts(batch, input, in_computed_type(scale, input), in_computed_type(shift, input),
                    eps, output, mean, var);
    context->save_for_backward({given, scale, mean, var});
    context->saved_data["part_size"] = part_size;
    context->saved_data["eps"] = eps;
    context->saved_data["bias"] = shift.defined();
    context->mark_non_differentiable({mean, var});
    return {output, mean, var};
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &input = saved[0], &weight = saved[1];
    const int64_t part_size = context->saved_data["part_size"].toInt();
    const double eps = context->saved_data["eps"].toDouble();
    // Only what is defined has an edge.
    const bool has_bias = context->saved_data["bias"].toBool();
    const std::array<bool, 3> asked = {context->needs_input_grad(0),
                                       weight.defined() && context->needs_input_grad(1),
                                       has_bias && context->needs_input_grad(weight.defined() + 1)};
    Gradients result =
        at::GradMode::is_enabled()
            ? gradients_by_operations(gradients[0], input, weight, part_size, eps)
            : gradients_by_kernel(gradients[0], input.contiguous(input.suggest_memory_format()),
                                  weight, saved[2], saved[3], part_size, eps, asked);
    for (size_t i = 0; i < result.size(); ++i) {
      if (!asked[i]) result[i] = at::Tensor();
    }
    return {result[0], result[1], result[2], at::Tensor(), at::Tensor()};
  }
};

bool fits(const at::Tensor& tensor, const at::Tensor& input) {
  return !tensor.defined() ||
         (tensor.is_cpu() && (tensor.scalar_type() == input.scalar_type() ||
                              tensor.scalar_type() == at::toOpMathType(input.scalar_type())));
}

void check_channels(const char* name, const at::Tensor& tensor, int64_t channels) {
  TORCH_CHECK_VALUE(!tensor.defined() || (tensor.dim() == 1 && tensor.size(0) == channels), "the ",
                    name, " of a norm of ", channels, " channels is [", channels, "], not ",
                    tensor.sizes());
}

}  // namespace

bool has_ghost_norm_on_cpu(const at::Tensor& input, const at::Tensor& weight,
                           const at::Tensor& bias) {
  const at::ScalarType type = input.scalar_type();
  return input.is_cpu() &&
         (type == at::kFloat || type == at::kDouble || type == at::kBFloat16 ||
          type == at::kHalf) &&
         fits(weight, input) && fits(bias, input);
}

GhostNormalised ghost_norm_on_cpu(const at::Tensor& input, int64_t part_size,
                                  const at::Tensor& weight, const at::Tensor& bias, double eps) {
  check_channels("weight", weight, input.size(1));
  check_channels("bias", bias, input.size(1));
  const auto given = [](const at::Tensor& tensor) {
    return tensor.defined() ? std::optional(tensor) : std::nullopt;
  };
  const variable_list made = GhostNorm::apply(input, given(weight), given(bias), part_size, eps);
  return {.output = made[0], .mean = made[1], .var = made[2]};
}

}  // namespace composer
