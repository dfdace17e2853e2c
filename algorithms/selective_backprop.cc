#include "algorithms/selective_backprop.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/evaluation_mode.h"
#include "composer/core/model.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
at::Tensor rank_probabilities(int64_t samples, double keep) {
  const at::Tensor percentiles =
      (at::arange(samples, at::kDouble) + 0.5) / static_cast<double>(samples);
  const at::Tensor weights = percentiles.pow(1 / keep - 1);
  return weights / weights.sum();
}

at::Tensor draw_ranks(int64_t samples, double keep, const at::Generator& generator) {
  const auto kept = static_cast<int64_t>(keep * static_cast<double>(samples));
  return at::multinomial(rank_probabilities(samples, keep), std::max<int64_t>(kept, 1),
                         /*replacement=*/false, generator);
}

at::Tensor select_using_loss(const at::Tensor& losses, const at::Tensor& ranks) {
  TORCH_CHECK_VALUE(losses.dim() == 1, "expected a loss for each sample, shape [samples], not ",
                    losses.sizes());
  return losses.argsort().index_select(0, ranks.to(losses.device()));
}

at::Tensor scale_input(const at::Tensor& input, double scale_factor) {
  const std::vector<double> factors(std::max<int64_t>(input.dim() - 2, 0), scale_factor);
  switch (factors.size()) {
    case 1:
      return at::upsample_linear1d(input, at::OptionalIntArrayRef(), false, factors);
    case 2:
      return at::upsample_bilinear2d(input, at::OptionalIntArrayRef(), false, factors);
    case 3:
      return at::upsample_trilinear3d(input, at::OptionalIntArrayRef(), false, factors);
    default:
      TORCH_CHECK_VALUE(false, "inputs of shape ", input.sizes(),
                        " cannot be scaled: a scale_factor other than 1 needs samples, channels "
                        "and one to three sides");
  }
}

absl::StatusOr<std::unique_ptr<Algorithm>> SelectiveBackprop::create(const Config& config) {
  return try_make<SelectiveBackprop>(SelectiveBackpropOptions{.start = config.start(),
                                                              .end = config.end(),
                                                              .keep = config.keep(),
                                                              .scale_factor = config.scale_factor(),
                                                              .interrupt = config.interrupt(),
                                                              .input_key = config.input_key()});
}

SelectiveBackprop::SelectiveBackprop(SelectiveBackpropOptions options)
    : options_(std::move(options)) {
  const auto check = [](bool right, const char* field, const char* message) {
    if (!right) throw_if_error(field_error(field, message));
  };
  check(options_.start >= 0 && options_.start <= 1, "start", "must be from 0 to 1");
  check(options_.end >= 0 && options_.end <= 1, "end", "must be from 0 to 1");
  check(options_.end >= options_.start, "end", "must not come before start");
  check(options_.keep > 0 && options_.keep <= 1, "keep", "must be above 0 and at most 1");
  check(options_.scale_factor > 0 && options_.scale_factor <= 1, "scale_factor",
        "must be above 0 and at most 1");
  check(options_.interrupt >= 0, "interrupt", "must not be negative");
}

AlgorithmTraits SelectiveBackprop::traits() const {
  return {.events = {Event::kAfterDataloader},
          .order = AlgorithmTraits::Order::kFirst,
          .needs_per_sample_loss = true,
          .paper = "Jiang et al., 2019, arXiv:1910.00762"};
}

bool SelectiveBackprop::match(Event event, const State& state) const {
  if (event != Event::kAfterDataloader || options_.keep >= 1) return false;
  const int64_t interrupt = options_.interrupt;
  if (interrupt > 0 && (state.timestamp.batch_in_epoch + 1) % interrupt == 0) return false;
  const double elapsed = state.elapsed_duration();
  return elapsed >= options_.start && elapsed < options_.end;
}

at::Tensor SelectiveBackprop::draw(int64_t samples, const at::Generator& generator) {
  return draw_ranks(samples, options_.keep, generator);
}

void SelectiveBackprop::apply(Event event, State& state, Logger& logger) {
  state.batch = state.batch.to(state.device);
  const at::Tensor losses = score(state);
  const int64_t samples = state.batch.num_samples();
  TORCH_CHECK_VALUE(losses.dim() == 1 && losses.size(0) == samples,
                    "per_sample_loss must give one loss for each of the ", samples,
                    " samples of the batch, and gave shape ", losses.sizes());
  const at::Tensor kept = select_using_loss(losses, draw(samples, state.generator(name())));
  Batch pruned;
  for (const auto& [key, tensor] : state.batch) {
    pruned.set(key, tensor.dim() == 0 ? tensor : tensor.index_select(0, kept));
  }
  state.batch = std::move(pruned);
}

at::Tensor SelectiveBackprop::score(State& state) const {
  const at::NoGradGuard no_grad;
  const EvaluationMode evaluation(*state.model);
  const std::string input(options_.input_key.empty() ? state.batch.input_name()
                                                     : options_.input_key);
  // As large parts at a time as training has memory for.
  const int64_t microbatch = state.device_train_microbatch_size;
  const std::vector<Batch> parts =
      microbatch > 0 ? state.batch.split(microbatch) : std::vector<Batch>{state.batch};
  std::vector<at::Tensor> losses;
  for (Batch part : parts) {
    if (options_.scale_factor != 1) {
      part.set(input, scale_input(part.at(input), options_.scale_factor));
    }
    losses.push_back(state.model->per_sample_loss(state.model->forward(part), part));
  }
  return at::cat(losses);
}

COMPOSER_REGISTER(Algorithm, SelectiveBackprop);

}  // namespace composer
