#include "algorithms/ghost_batch_norm.h"

#include <ATen/ATen.h>
#include <torch/nn/modules/batchnorm.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "composer/nn/ghost_norm.h"
#include "composer/nn/layer.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

at::Tensor repeated(const at::Tensor& tensor, int64_t times) {
  return tensor.defined() ? tensor.repeat({times}) : tensor;
}

// `input`, whose batch is `parts` times as many samples, with each part's channels beside those of
// the others; the inner dimensions stay together in memory, so that this is a fast copy.
at::Tensor beside(const at::Tensor& input, int64_t parts, bool channels_last) {
  const int64_t channels = input.size(1);
  if (channels_last) {
    return input.movedim(1, -1)
        .reshape({parts, -1, channels})
        .transpose(0, 1)
        .reshape({-1, parts * channels});
  }
  return input.unflatten(0, {parts, -1}).transpose(0, 1).flatten(1, 2);
}

at::Tensor undo_beside(const at::Tensor& beside, const at::Tensor& input, int64_t parts,
                       bool channels_last) {
  const int64_t channels = input.size(1);
  if (channels_last) {
    std::vector<int64_t> sizes = input.sizes().vec();
    sizes.erase(sizes.begin() + 1);
    sizes.push_back(channels);
    return beside.view({-1, parts, channels}).transpose(0, 1).reshape(sizes).movedim(-1, 1);
  }
  return beside.unflatten(1, {parts, channels}).transpose(0, 1).flatten(0, 1);
}

// Normalises `parts` parts of the same size on any device.
GhostNormalised normalise_even(const at::Tensor& input, int64_t parts, const at::Tensor& weight,
                               const at::Tensor& bias, double eps, const at::TensorOptions& kept) {
  const int64_t channels = input.size(1);
  const auto format = input.suggest_memory_format();
  const bool channels_last =
      format == at::MemoryFormat::ChannelsLast || format == at::MemoryFormat::ChannelsLast3d;
  const at::Tensor mean = at::zeros({parts * channels}, kept);
  const at::Tensor var = at::ones({parts * channels}, kept);
  // With a momentum of 1 the running statistics are those of this batch.
  const at::Tensor output = at::batch_norm(
      parts == 1 ? input : beside(input, parts, channels_last), repeated(weight, parts),
      repeated(bias, parts), mean, var,
      /*training=*/true, /*momentum=*/1, eps, at::globalContext().userEnabledCuDNN());
  return {.output = parts == 1 ? output : undo_beside(output, input, parts, channels_last),
          .mean = mean.view({parts, channels}),
          .var = var.view({parts, channels})};
}

// Normalises parts of `size` samples, the last of which may be smaller.
GhostNormalised normalise(const at::Tensor& input, int64_t size, const at::Tensor& weight,
                          const at::Tensor& bias, double eps, const at::TensorOptions& kept) {
  if (has_ghost_norm_on_cpu(input, weight, bias)) {
    return ghost_norm_on_cpu(input, size, weight, bias, eps);
  }
  const int64_t batch = input.size(0), rest = batch % size, even = batch - rest;
  const GhostNormalised first =
      normalise_even(input.narrow(0, 0, even), batch / size, weight, bias, eps, kept);
  if (rest == 0) return first;
  const GhostNormalised last =
      normalise_even(input.narrow(0, even, rest), 1, weight, bias, eps, kept);
  return {.output = at::cat({first.output, last.output}),
          .mean = at::cat({first.mean, last.mean}),
          .var = at::cat({first.var, last.var})};
}

// The factor that the first, the second, ... part of the batch has of its own.
std::vector<double> factors(int64_t parts, std::optional<double> momentum, int64_t seen) {
  std::vector<double> factors;
  for (int64_t i = 1; i <= parts; ++i) {
    factors.push_back(momentum ? *momentum : 1 / static_cast<double>(seen + i));
  }
  return factors;
}

// One part after the other is a weighted sum.
void update(const RunningStatistics& running, const GhostNormalised& found,
            const std::vector<double>& factors) {
  std::vector<double> weights(factors.size());
  double left = 1;
  for (size_t i = factors.size(); i-- > 0;) {
    weights[i] = factors[i] * left;
    left *= 1 - factors[i];
  }
  // at::tensor makes no half-precision numbers.
  const at::Tensor factor =
      at::tensor(weights, running.mean.options().dtype(at::kDouble)).to(running.mean.scalar_type());
  const auto add = [&](const at::Tensor& kept, const at::Tensor& of_parts) {
    kept.addmv_(of_parts.to(kept.scalar_type()).t(), factor, /*beta=*/left);
  };
  add(running.mean, found.mean);
  add(running.var, found.var);
}

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

at::Tensor ghost_batch_norm(const at::Tensor& input, int64_t chunks, const at::Tensor& weight,
                            const at::Tensor& bias, const RunningStatistics& running,
                            std::optional<double> momentum, double eps) {
  const int64_t batch = input.size(0);
  TORCH_CHECK_VALUE(chunks >= 1 && chunks <= batch, "a batch of ", batch,
                    " samples cannot be cut into ", chunks, " parts");
  const int64_t size = divide_up(batch, chunks), parts = divide_up(batch, size);
  const int64_t smallest = batch - (parts - 1) * size;
  TORCH_CHECK_VALUE(smallest * c10::multiply_integers(input.sizes().slice(2)) > 1,
                    "a part of the batch has less than two values in each channel, which cannot be "
                    "normalised; the input is ",
                    input.sizes(), " in ", parts, " parts");
  const at::TensorOptions kept = running.mean.defined() ? running.mean.options()
                                 : weight.defined()     ? weight.options().requires_grad(false)
                                                        : input.options().requires_grad(false);
  const GhostNormalised found = normalise(input, size, weight, bias, eps, kept);
  if (running.mean.defined()) {
    const at::NoGradGuard no_grad;
    update(running, found, factors(parts, momentum, running.parts_seen));
  }
  return found.output;
}

namespace {

// A batch norm with the parameters and buffers of another.
template <typename Impl>
class GhostBatchNormOf : public Impl, public Layer {
 public:
  GhostBatchNormOf(const Impl& norm, int64_t ghost_batch_size)
      : Impl(norm), ghost_batch_size_(ghost_batch_size) {}

  at::Tensor forward(const at::Tensor& input) final {
    if (!this->is_training()) return Impl::forward(input);
    this->_check_input_dim(input);
    const int64_t batch = input.size(0);
    TORCH_CHECK_VALUE(batch >= ghost_batch_size_, "Worker batch size ", batch,
                      " < ghost_batch_size ", ghost_batch_size_,
                      ": choose a smaller ghost_batch_size, larger (micro)batches, or leave out an "
                      "epoch's last batch where it is smaller");
    const int64_t chunks = divide_up(batch, ghost_batch_size_);
    if (chunks == 1) return Impl::forward(input);
    std::optional<double> momentum = this->options.momentum();
    if (momentum) *momentum /= static_cast<double>(chunks);
    RunningStatistics running{.mean = this->running_mean, .var = this->running_var};
    if (this->num_batches_tracked.defined()) {
      if (!momentum) running.parts_seen = this->num_batches_tracked.template item<int64_t>();
      this->num_batches_tracked += chunks;
    }
    return ghost_batch_norm(input, chunks, this->weight, this->bias, running, momentum,
                            this->options.eps());
  }

 private:
  const int64_t ghost_batch_size_;
};

struct GhostBatchNorm1d final : GhostBatchNormOf<torch::nn::BatchNorm1dImpl> {
  using GhostBatchNormOf::GhostBatchNormOf;
};
struct GhostBatchNorm2d final : GhostBatchNormOf<torch::nn::BatchNorm2dImpl> {
  using GhostBatchNormOf::GhostBatchNormOf;
};
struct GhostBatchNorm3d final : GhostBatchNormOf<torch::nn::BatchNorm3dImpl> {
  using GhostBatchNormOf::GhostBatchNormOf;
};

template <typename Impl, typename Ghost>
LayerRule ghost_rule(int64_t ghost_batch_size) {
  return layer_rule<Impl, Ghost>([ghost_batch_size](const auto& norm) {
    return std::make_shared<Ghost>(*norm, ghost_batch_size);
  });
}

}  // namespace

std::vector<LayerReplacement> apply_ghost_batch_norm(
    torch::nn::Module& model, int64_t ghost_batch_size,
    absl::Span<const std::unique_ptr<Optimizer>> optimizers) {
  return replace_layers(
      model,
      {ghost_rule<torch::nn::BatchNorm1dImpl, GhostBatchNorm1d>(ghost_batch_size),
       ghost_rule<torch::nn::BatchNorm2dImpl, GhostBatchNorm2d>(ghost_batch_size),
       ghost_rule<torch::nn::BatchNorm3dImpl, GhostBatchNorm3d>(ghost_batch_size)},
      optimizers);
}

absl::StatusOr<std::unique_ptr<Algorithm>> GhostBatchNorm::create(const Config& config) {
  return try_make<GhostBatchNorm>(config.ghost_batch_size(), config.must_match());
}

GhostBatchNorm::GhostBatchNorm(int64_t ghost_batch_size, bool must_match)
    : ghost_batch_size_(ghost_batch_size), must_match_(must_match) {
  if (ghost_batch_size < 1) {
    throw_if_error(field_error("ghost_batch_size",
                               absl::StrCat("must be at least 1, not ", ghost_batch_size)));
  }
}

AlgorithmTraits GhostBatchNorm::traits() const {
  return {.events = {Event::kInit}, .paper = "Hoffer et al., 2017, arXiv:1705.08741"};
}

bool GhostBatchNorm::match(Event event, const State& state) const { return event == Event::kInit; }

void GhostBatchNorm::apply(Event event, State& state, Logger& logger) {
  report_surgery(name(), "batch norms", must_match_,
                 apply_ghost_batch_norm(*state.model, ghost_batch_size_, state.optimizers));
}

COMPOSER_REGISTER(Algorithm, GhostBatchNorm);

}  // namespace composer
