#include "composer/data/broken_samples.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"

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

void SkippedSamples::add(const MadeBatch& made, absl::string_view where) {
  for (const BrokenSample& sample : made.broken) {
    if (indices_.insert(sample.index).second) {
      LOG(WARNING) << where << ": skipped: " << sample.message;
    }
  }
  if (count() <= limit_) return;
  throw StatusError(absl::DataLossError(
      absl::StrCat(where, ": ", count(), " samples could not be read so far, and ", limit_,
                   " may be skipped; the last, ", made.broken.back().message)));
}

void SkippedSamples::save(StateDict& state) const {
  at::Tensor indices = at::empty({count()}, at::kLong);
  std::copy(indices_.begin(), indices_.end(), indices.mutable_data_ptr<int64_t>());
  state.set("skipped_samples", count());
  state.set("broken", std::move(indices));
}

absl::Status SkippedSamples::load(const StateDict& state) {
  COMPOSER_ASSIGN_OR_RETURN(const at::Tensor broken, state.tensor("broken"));
  return catch_exceptions([&] {
    const at::Tensor indices = broken.to(at::kCPU, at::kLong).contiguous();
    const int64_t* data = indices.const_data_ptr<int64_t>();
    indices_ = std::set<int64_t>(data, data + indices.numel());
  });
}

absl::Status data_has_changed(absl::string_view name, absl::string_view now,
                              absl::string_view then) {
  return absl::FailedPreconditionError(absl::StrCat(
      "dataset ", name, " has ", now, " now and had ", then,
      " when the state was saved: what comes next would not be what would have come then; go on "
      "with the same data, or start a new run from the weights"));
}

}  // namespace composer
