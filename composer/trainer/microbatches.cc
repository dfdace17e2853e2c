#include "composer/trainer/microbatches.h"

#include <ATen/ops/zeros_like.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <numeric>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/trainer/batch_shapes.h"

namespace composer {
namespace {

// Leaves nothing of a failed attempt: neither its graph, nor its gradients, nor memory that the
// device keeps for blocks of other sizes.
void clean_up(State& s, const Batch& whole) {
  s.outputs = {};
  s.loss = {};
  s.step_checks.clear();
  s.batch = whole;
  s.microbatch = 0;
  for (const auto& optimizer : s.optimizers) optimizer->zero_grad();
  if (!s.device.is_cpu()) c10::getDeviceAllocator(s.device.type())->emptyCache();
}

absl::Status not_enough_memory(const State& s, const Batch& whole, const std::string& why) {
  return absl::ResourceExhaustedError(
      absl::StrCat("there is not enough memory to train on even one sample of train batch ",
                   s.timestamp.batch, batch_shapes(whole), ": ", why,
                   "; a smaller model, smaller or shorter samples, activation checkpointing or a "
                   "precision of 16 "
                   "bits needs less"));
}

}  // namespace

Microbatches::Microbatches(const Batch& whole, int64_t size, const ComposerModel* by_tokens)
    : whole_(whole) {
  const int64_t samples = whole.num_samples();
  if (size > 0 && size < samples) parts_ = whole.split(size);
  if (parts_.empty() && by_tokens == nullptr) return;
  for (int64_t i = 0; i < count(); ++i) {
    const Batch& part = (*this)[i];
    weights_.push_back(static_cast<double>(by_tokens != nullptr ? by_tokens->num_loss_tokens(part)
                                                                : part.num_samples()));
  }
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  if (total == 0) return;
  for (double& weight : weights_) weight /= total;
}

int64_t Microbatches::last_weighted() const {
  int64_t last = count() - 1;
  while (last >= 0 && weight(last) == 0) --last;
  return last;
}

Loss zero_loss(const Loss& loss) {
  const Loss detached = loss.detached();
  std::vector<Loss::Term> terms;
  for (const auto& [name, term] : detached.terms()) {
    terms.emplace_back(name, at::zeros_like(term));
  }
  return Loss(std::move(terms));
}

int64_t microbatch_samples(const State& state, int64_t samples) {
  const int64_t size = state.device_train_microbatch_size;
  return size > 0 ? std::min(size, samples) : samples;
}

void find_microbatch_size(State& state, const Batch& whole, StepStart& start,
                          absl::FunctionRef<void()> attempt) {
  while (true) {
    const absl::Status status = catch_exceptions(attempt);
    const bool exhausted = absl::IsResourceExhausted(status);
    if (!exhausted) throw_if_error(status);
    if (!state.gradient_reducer->any(exhausted)) return;

    clean_up(state, whole);
    start.restore();
    const int64_t size = microbatch_samples(state, whole.num_samples());
    const bool smallest = exhausted && size <= 1;
    if (state.gradient_reducer->any(smallest)) {
      throw StatusError(not_enough_memory(
          state, whole, smallest ? std::string(status.message()) : "that is so on another rank"));
    }
    state.device_train_microbatch_size = std::max<int64_t>((size + 1) / 2, 1);
    LOG(INFO) << "train batch " << state.timestamp.batch
              << ": not enough memory for microbatches of " << size << " samples"
              << (exhausted ? "" : " on another rank") << ", going on with "
              << state.device_train_microbatch_size;
    if (exhausted) VLOG(1) << status.message();
  }
}

void check_repeatable_update(const State& state) {
  TORCH_CHECK_VALUE(!state.auto_microbatch_size,
                    "this model updates itself, and device_train_microbatch_size is auto, which "
                    "repeats batches for which memory does not suffice: an update cannot be taken "
                    "back; give a number of samples");
}

}  // namespace composer
