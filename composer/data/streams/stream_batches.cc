#include "composer/data/streams/stream_batches.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/random.h"
#include "composer/base/status.h"

namespace composer {
namespace {

std::vector<int64_t> epoch_files(const StreamPlan& plan, int64_t epoch) {
  if (!plan.shuffle) return plan.files;
  const Permutation order(static_cast<int64_t>(plan.files.size()),
                          mix_seed({plan.key, hash_name("files")}), epoch);
  std::vector<int64_t> files;
  for (int64_t i = 0; i < order.size(); ++i) files.push_back(plan.files[order(i)]);
  return files;
}

}  // namespace

StreamBatches::StreamBatches(std::shared_ptr<const IterableDataset> dataset,
                             std::shared_ptr<const Collate> collate, StreamPlan plan)
    : dataset_(std::move(dataset)),
      collate_(std::move(collate)),
      plan_(std::move(plan)),
      buffer_size_(plan_.shuffle ? plan_.shuffle_buffer : plan_.batch_size) {}

std::optional<MadeBatch> StreamBatches::make(int64_t epoch, int64_t batch,
                                             const std::atomic<bool>& cancel) {
  const at::NoGradGuard no_grad;
  if (plan_.num_batches && batch >= *plan_.num_batches) return std::nullopt;
  if (epoch != epoch_) start_epoch(epoch);
  if (batch != next_batch_) {
    buffers_.clear();
    first_needed_ = batch * plan_.batch_size;
  }
  // Should something throw, the next call begins anew.
  next_batch_ = -1;
  std::optional<MadeBatch> made = take(batch, cancel);
  if (cancel) return made;
  const absl::Status ahead =
      catch_exceptions([&] { read_ahead((batch + 1) * plan_.batch_size, cancel); });
  if (!ahead.ok() && !buffers_.empty() && !buffers_.back().complete()) {
    // It comes again, at the batch that needs what cannot be read.
    sequence_->seek(buffers_.back().start);
    buffers_.pop_back();
  }
  // The end stays the end.
  next_batch_ = made ? batch + 1 : batch;
  return made;
}

void StreamBatches::start_epoch(int64_t epoch) {
  epoch_ = epoch;
  next_batch_ = -1;
  sequence_.emplace(dataset_, epoch_files(plan_, epoch));
}

std::optional<MadeBatch> StreamBatches::take(int64_t batch, const std::atomic<bool>& cancel) {
  const int64_t start = batch * plan_.batch_size;
  // The last one stays: the sequence stands where it ends.
  while (buffers_.size() > 1 && first_position(buffers_.front().index + 1) <= start) {
    buffers_.pop_front();
  }
  int64_t end = start;
  for (int64_t index = start / buffer_size_; end < start + plan_.batch_size; ++index) {
    const Buffer& part = buffer(index, cancel);
    if (cancel) return std::nullopt;
    end = std::min(first_position(index) + part.size, start + plan_.batch_size);
    if (part.size < buffer_size_) break;
  }
  const int64_t count = end - start;
  if (count <= 0 || (plan_.drop_last && count < plan_.batch_size)) return std::nullopt;
  if (count < plan_.world_size) {
    LOG(WARNING) << "dataset " << dataset_->name() << ", epoch " << epoch_ << ": the last " << count
                 << " records are left out: too few for " << plan_.world_size << " ranks";
    return std::nullopt;
  }
  std::vector<Record> records;
  for (int64_t position = start + count * plan_.rank / plan_.world_size;
       position < start + count * (plan_.rank + 1) / plan_.world_size; ++position) {
    Buffer& part = buffers_[position / buffer_size_ - buffers_.front().index];
    std::optional<Record>& record = part.records[record_of(part, position)];
    CHECK(record.has_value()) << position;
    records.push_back(*std::exchange(record, std::nullopt));
  }
  return join(std::move(records));
}

StreamBatches::Buffer& StreamBatches::buffer(int64_t index, const std::atomic<bool>& cancel) {
  if (buffers_.empty()) {
    sequence_->seek({});
    sequence_->skip(first_position(index));
    start_buffer(index);
  }
  while (true) {
    Buffer& last = buffers_.back();
    if (!last.complete()) read(last, last.size - last.read, cancel);
    if (cancel || last.index >= index) break;
    start_buffer(last.index + 1);
  }
  return buffers_[index - buffers_.front().index];
}

void StreamBatches::start_buffer(int64_t index) {
  Buffer buffer{.index = index,
                .size = 0,
                .size_is_known = false,
                .start = sequence_->position(),
                .order = Permutation(0, 0, 0)};
  const bool known = plan_.records.has_value();
  const int64_t left = known ? *plan_.records - first_position(index) : buffer_size_;
  size_buffer(buffer, std::clamp<int64_t>(left, 0, buffer_size_), known);
  buffers_.push_back(std::move(buffer));
}

void StreamBatches::size_buffer(Buffer& buffer, int64_t size, bool known) const {
  buffer.size = size;
  buffer.size_is_known = known;
  buffer.read = 0;
  buffer.order = Permutation(
      size, mix_seed({plan_.key, hash_name("buffer"), static_cast<uint64_t>(buffer.index)}),
      epoch_);
  buffer.needed.assign(size, false);
  buffer.records.assign(size, std::nullopt);
  for (int64_t position = first_position(buffer.index);
       position < first_position(buffer.index) + size; ++position) {
    if (is_needed(position, buffer)) buffer.needed[record_of(buffer, position)] = true;
  }
}

int64_t StreamBatches::record_of(const Buffer& buffer, int64_t position) const {
  const int64_t place = position - first_position(buffer.index);
  return plan_.shuffle ? buffer.order(place) : place;
}

bool StreamBatches::is_needed(int64_t position, const Buffer& buffer) const {
  const int64_t batch = position / plan_.batch_size;
  if (position < first_needed_ || (plan_.num_batches && batch >= *plan_.num_batches)) return false;
  const int64_t start = batch * plan_.batch_size;
  int64_t count = plan_.batch_size;
  if (plan_.records) {
    count = std::min(count, *plan_.records - start);
  } else if (start + count > first_position(buffer.index) + buffer.size) {
    // It may be the last one, of any size.
    return true;
  }
  return position >= start + count * plan_.rank / plan_.world_size &&
         position < start + count * (plan_.rank + 1) / plan_.world_size;
}

void StreamBatches::read(Buffer& buffer, int64_t count, const std::atomic<bool>& cancel) {
  const int64_t until = std::min(buffer.size, buffer.read + count);
  while (buffer.read < until && !cancel) {
    bool ended = false;
    if (buffer.needed[buffer.read]) {
      std::optional<Record> record = sequence_->next();
      ended = !record;
      if (record) buffer.records[buffer.read++] = std::move(record);
    } else {
      int64_t wanted = 1;
      while (buffer.read + wanted < until && !buffer.needed[buffer.read + wanted]) ++wanted;
      const int64_t passed = sequence_->skip(wanted);
      buffer.read += passed;
      ended = passed < wanted;
    }
    if (ended) {
      // The stream's end: the order, now that the buffer's size is known, is another one.
      sequence_->seek(buffer.start);
      size_buffer(buffer, buffer.read, true);
      return read(buffer, buffer.size, cancel);
    }
  }
  if (buffer.read == buffer.size) buffer.size_is_known = true;
}

void StreamBatches::read_ahead(int64_t position, const std::atomic<bool>& cancel) {
  // Without shuffling, or with less than a batch in it, a buffer is read when it is handed out.
  if (!plan_.shuffle || buffer_size_ <= plan_.batch_size || buffers_.empty()) return;
  const Buffer& last = buffers_.back();
  if (last.complete()) {
    if (last.size < buffer_size_ || last.index > position / buffer_size_) return;
    start_buffer(last.index + 1);
  }
  read(buffers_.back(), plan_.batch_size, cancel);
}

MadeBatch StreamBatches::join(std::vector<Record> records) const {
  MadeBatch made;
  std::vector<TensorDict> samples;
  for (Record& record : records) {
    if (record.sample.ok()) {
      samples.push_back(*std::move(record.sample));
      continue;
    }
    const absl::Status status = annotate(record.name(), record.sample.status());
    if (!plan_.skip_broken) {
      made.status = status;
      return made;
    }
    made.broken.push_back({record.id(), std::string(status.message())});
  }
  if (samples.empty()) {
    made.status = absl::DataLossError(
        absl::StrCat("none of its samples can be read; the last, ", made.broken.back().message));
    return made;
  }
  made.status = catch_exceptions(
      [&] { made.batch = collate_ != nullptr ? (*collate_)(samples) : collate(samples); });
  return made;
}

}  // namespace composer
