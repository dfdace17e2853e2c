#include "composer/data/broken_samples.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"

namespace composer {
namespace {

absl::Status try_make(const BatchMaker& maker, absl::Span<const int64_t> indices, int64_t epoch,
                      Batch& batch) {
  return catch_exceptions([&] { batch = maker.make(indices, epoch); });
}

std::string name_sample(int64_t index, absl::string_view message) {
  const std::string name = absl::StrCat("sample ", index, ": ");
  return absl::StartsWith(message, name) ? std::string(message) : absl::StrCat(name, message);
}

}  // namespace

MadeBatch make_batch(const BatchMaker& maker, absl::Span<const int64_t> indices, int64_t epoch,
                     bool skip, const std::atomic<bool>& stopping) {
  const at::NoGradGuard no_grad;
  MadeBatch made;
  made.status = try_make(maker, indices, epoch, made.batch);
  if (made.status.ok() || !skip || absl::IsResourceExhausted(made.status)) return made;
  std::vector<int64_t> whole;
  for (const int64_t index : indices) {
    if (stopping) return made;
    Batch alone;
    const absl::Status status = try_make(maker, {&index, 1}, epoch, alone);
    // Memory that ran out says nothing of the sample.
    if (absl::IsResourceExhausted(status)) {
      made.status = status;
      made.broken.clear();
      return made;
    }
    if (status.ok()) {
      whole.push_back(index);
    } else {
      made.broken.push_back({index, name_sample(index, status.message())});
    }
  }
  if (made.broken.empty()) return made;
  if (whole.empty()) {
    made.status = absl::Status(
        made.status.code(),
        absl::StrCat("none of its samples can be read; the last, ", made.broken.back().message));
    return made;
  }
  made.status = try_make(maker, whole, epoch, made.batch);
  return made;
}

at::Tensor SkippedSamples::state() const {
  at::Tensor state = at::empty({count()}, at::kLong);
  std::copy(indices_.begin(), indices_.end(), state.mutable_data_ptr<int64_t>());
  return state;
}

void SkippedSamples::load(const at::Tensor& state) {
  const at::Tensor indices = state.to(at::kCPU, at::kLong).contiguous();
  const int64_t* data = indices.const_data_ptr<int64_t>();
  indices_ = std::set<int64_t>(data, data + indices.numel());
}

}  // namespace composer
