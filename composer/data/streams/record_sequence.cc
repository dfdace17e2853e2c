#include "composer/data/streams/record_sequence.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"

namespace composer {

std::string Record::name() const { return absl::StrCat("record ", number, " of file ", file); }

RecordSequence::RecordSequence(std::shared_ptr<const IterableDataset> dataset,
                               std::vector<int64_t> files)
    : dataset_(std::move(dataset)), files_(std::move(files)) {}

void RecordSequence::seek(const Position& position) {
  position_ = position;
  reader_ = nullptr;
}

void RecordSequence::next_file() { seek({position_.place + 1, 0}); }

RecordReader& RecordSequence::reader() {
  if (reader_ == nullptr) {
    reader_ = in_context([&] { return absl::StrCat("file ", file()); },
                         [&] { return dataset_->open(file()); });
    if (reader_->skip(position_.record) < position_.record) throw_too_few();
  }
  return *reader_;
}

void RecordSequence::throw_too_few() const {
  throw StatusError(absl::DataLossError(
      absl::StrCat("file ", file(), " ends before record ", position_.record,
                   known() ? absl::StrCat(", but should have ", *known(), " records") : "")));
}

std::optional<Record> RecordSequence::next() {
  while (!at_end()) {
    const std::optional<int64_t> records = known();
    if (records && position_.record >= *records) {
      next_file();
      continue;
    }
    RecordReader& source = reader();
    std::optional<TensorDict> sample;
    const absl::Status status = catch_exceptions([&] { sample = source.next(); });
    if (status.ok() && !sample) {
      if (records) throw_too_few();
      next_file();
      continue;
    }
    // Memory that ran out says nothing of the record.
    if (absl::IsResourceExhausted(status)) throw_if_error(status);
    const int64_t number = position_.record++;
    if (!status.ok()) return Record{file(), number, status};
    return Record{file(), number, *std::move(sample)};
  }
  return std::nullopt;
}

int64_t RecordSequence::skip(int64_t count) {
  int64_t passed = 0;
  while (passed < count && !at_end()) {
    const int64_t wanted = count - passed;
    const std::optional<int64_t> records = known();
    if (records && *records - position_.record <= wanted) {
      passed += *records - position_.record;
      next_file();
    } else if (records && reader_ == nullptr) {
      // The reader skips when it is opened.
      position_.record += wanted;
      passed += wanted;
    } else {
      const int64_t here = reader().skip(wanted);
      position_.record += here;
      passed += here;
      if (here == wanted) continue;
      if (records) throw_too_few();
      next_file();
    }
  }
  return passed;
}

}  // namespace composer
