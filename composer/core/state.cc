#include "composer/core/state.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/util/Exception.h>

#include "absl/strings/str_cat.h"
#include "composer/base/random.h"

namespace composer {

void State::stop_training(absl::string_view reason) {
  if (!stop_is_final) stop_reason = std::string(reason);
  stop_is_final = true;
}

void State::interrupt(absl::string_view reason) {
  if (!stop_reason) stop_reason = std::string(reason);
  interrupted = true;
}

void State::forget_stop() {
  stop_reason.reset();
  stop_is_final = false;
  interrupted = false;
}

ScheduleClock State::clock() const {
  TORCH_CHECK(max_duration.has_value(), "the duration of the run is not known yet");
  return {timestamp, *max_duration, dataloader_length, scale_schedule_ratio};
}

ScheduleClock State::schedule_clock() const {
  ScheduleClock result = clock();
  result.now.batch -= skipped.batches;
  result.now.sample -= skipped.samples;
  result.now.token -= skipped.tokens;
  // Epochs are counted in batches; below zero it reaches into the epoch before.
  result.now.batch_in_epoch -= skipped.batches;
  return result;
}

at::Generator State::generator(absl::string_view name) {
  auto position = streams.find(name);
  if (position == streams.end()) {
    position = streams.emplace(std::string(name), Stream{at::detail::createCPUGenerator()}).first;
  }
  Stream& stream = position->second;
  if (stream.batch != timestamp.batch || stream.microbatch != microbatch ||
      stream.evaluation != evaluation) {
    stream.batch = timestamp.batch;
    stream.microbatch = microbatch;
    stream.evaluation = evaluation;
    stream.generator.set_current_seed(
        mix_seed({seed, hash_name(name), static_cast<uint64_t>(timestamp.batch),
                  static_cast<uint64_t>(microbatch), static_cast<uint64_t>(rank)}));
  }
  return stream.generator;
}

}  // namespace composer
