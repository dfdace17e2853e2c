#include "algorithms/seq_length_warmup.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/core/logger.h"
#include "composer/core/registries.h"
#include "composer/core/state.h"
#include "proto/algorithm.pb.h"

namespace composer {
namespace {

Batch truncated(const Batch& batch, int64_t length) {
  Batch result;
  for (const auto& [name, tensor] : batch) {
    result.set(name, tensor.dim() < 2 ? tensor : tensor.narrow(1, 0, length).contiguous());
  }
  return result;
}

Batch truncated_before_end(const Batch& batch, int64_t length) {
  const at::Tensor* const mask = batch.find("attention_mask");
  TORCH_CHECK_VALUE(mask != nullptr,
                    "preserve_end_of_sequence finds the ends of sequences by attention_mask, which "
                    "the batch does not have");
  const at::Tensor rows = at::arange(mask->size(0), mask->options().dtype(at::kLong));
  const at::Tensor ends = mask->sum(1, /*keepdim=*/false, at::kLong).sub_(1).clamp_min_(0);
  const at::Tensor new_ends = ends.clamp_max(length - 1);
  Batch result;
  for (const auto& [name, tensor] : batch) {
    at::Tensor shorter = tensor;
    if (tensor.dim() >= 2) {
      shorter = tensor.narrow(1, 0, length).clone();
      shorter.index_put_({rows, new_ends}, tensor.index({rows, ends}));
    }
    result.set(name, shorter);
  }
  return result;
}

Batch reshaped(const Batch& batch, int64_t length) {
  const at::Tensor& tokens = batch.at("input_ids");
  const int64_t rows = tokens.numel() / length;
  Batch result;
  for (const auto& [name, tensor] : batch) {
    TORCH_CHECK_VALUE(tensor.dim() == 0 || tensor.sizes() == tokens.sizes(), "\"", name,
                      "\" of shape ", tensor.sizes(),
                      " cannot be made into more sequences: without truncate, all tensors have the "
                      "shape of input_ids, ",
                      tokens.sizes());
    result.set(name,
               tensor.dim() == 0
                   ? tensor
                   : tensor.reshape({-1}).narrow(0, 0, rows * length).reshape({rows, length}));
  }
  return result;
}

}  // namespace

Batch set_batch_sequence_length(const Batch& batch, int64_t length, bool truncate,
                                bool preserve_end_of_sequence) {
  const at::Tensor* const tokens = batch.find("input_ids");
  TORCH_CHECK_VALUE(tokens != nullptr && tokens->dim() == 2,
                    "expected a batch with input_ids, [sequences, tokens]");
  if (length >= tokens->size(1)) return batch;
  if (!truncate) return reshaped(batch, length);
  return preserve_end_of_sequence ? truncated_before_end(batch, length) : truncated(batch, length);
}

int64_t warmup_sequence_length(double elapsed, const SeqLengthWarmupOptions& options) {
  if (elapsed >= options.duration) return options.max_seq_length;
  const int64_t steps = (options.max_seq_length - options.min_seq_length) / options.step_size;
  // Fractions of the run are rounded: a step that begins with this batch has begun.
  const double taken = elapsed / options.duration * static_cast<double>(steps) + 1e-9;
  return options.min_seq_length + options.step_size * static_cast<int64_t>(taken);
}

absl::StatusOr<std::unique_ptr<Algorithm>> SeqLengthWarmup::create(const Config& config) {
  return try_make<SeqLengthWarmup>(
      SeqLengthWarmupOptions{.duration = config.duration(),
                             .min_seq_length = config.min_seq_length(),
                             .max_seq_length = config.max_seq_length(),
                             .step_size = config.step_size(),
                             .truncate = config.truncate(),
                             .preserve_end_of_sequence = config.preserve_end_of_sequence()});
}

SeqLengthWarmup::SeqLengthWarmup(SeqLengthWarmupOptions options) : options_(options) {
  const auto check = [](bool right, const char* field, const char* message) {
    if (!right) throw_if_error(field_error(field, message));
  };
  check(options.duration >= 0 && options.duration <= 1, "duration", "must be from 0 to 1");
  check(options.min_seq_length >= 1, "min_seq_length", "must be at least 1");
  check(options.max_seq_length >= options.min_seq_length, "max_seq_length",
        "must not be below min_seq_length");
  check(options.step_size >= 1, "step_size", "must be at least 1");
}

AlgorithmTraits SeqLengthWarmup::traits() const {
  return {.events = {Event::kAfterDataloader}, .paper = "Li et al., 2021, arXiv:2108.06084"};
}

bool SeqLengthWarmup::match(Event event, const State& state) const {
  return event == Event::kAfterDataloader;
}

void SeqLengthWarmup::apply(Event event, State& state, Logger& logger) {
  const int64_t length = warmup_sequence_length(state.elapsed_duration(), options_);
  state.batch = set_batch_sequence_length(state.batch, length, options_.truncate,
                                          options_.preserve_end_of_sequence);
  logger.log_metric("seq_length_warmup/curr_seq_len", static_cast<double>(length));
  logger.log_metric("seq_length_warmup/curr_bs", static_cast<double>(state.batch.num_samples()));
}

COMPOSER_REGISTER(Algorithm, SeqLengthWarmup);

}  // namespace composer
