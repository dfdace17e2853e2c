#include "composer/data/sources/mds_stream.h"

#include <algorithm>
#include <utility>

#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/sources/mds.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

// A range of a dataset's samples.
class RangeReader final : public RecordReader {
 public:
  RangeReader(std::shared_ptr<const Dataset> dataset, int64_t begin, int64_t end)
      : dataset_(std::move(dataset)), next_(begin), end_(end) {}

  std::optional<TensorDict> next() override {
    if (next_ >= end_) return std::nullopt;
    return dataset_->get(next_++);
  }

  int64_t skip(int64_t count) override {
    const int64_t passed = std::min(count, end_ - next_);
    next_ += passed;
    return passed;
  }

 private:
  const std::shared_ptr<const Dataset> dataset_;
  int64_t next_;
  const int64_t end_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<MdsStream>> MdsStream::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(std::shared_ptr<const MdsSamples> samples, MdsSamples::create(config));
  COMPOSER_ASSIGN_OR_RETURN(std::shared_ptr<const Dataset> dataset, Mds::over(samples, config));
  return std::shared_ptr<MdsStream>(new MdsStream(std::move(dataset), std::move(samples)));
}

std::optional<int64_t> MdsStream::num_records(int64_t file) const {
  const MdsFolder& folder = samples_->folder();
  return folder.start(file + 1) - folder.start(file);
}

std::unique_ptr<RecordReader> MdsStream::open(int64_t file) const {
  const MdsFolder& folder = samples_->folder();
  return std::make_unique<RangeReader>(dataset_, folder.start(file), folder.start(file + 1));
}

COMPOSER_REGISTER(IterableDataset, MdsStream);

}  // namespace composer
