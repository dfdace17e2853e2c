#include "composer/data/dataset_batch_maker.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/data/sample_cost.h"

namespace composer {

DatasetBatchMaker::DatasetBatchMaker(std::shared_ptr<const Dataset> dataset,
                                     DatasetBatchMakerOptions options)
    : dataset_(std::move(dataset)), options_(std::move(options)) {}

Batch DatasetBatchMaker::make(absl::Span<const int64_t> indices, int64_t epoch) const {
  if (options_.transform == nullptr && options_.collate == nullptr) {
    return dataset_->get_batch(indices);
  }
  std::vector<TensorDict> samples;
  samples.reserve(indices.size());
  for (const int64_t index : indices) {
    samples.push_back(in_context([&] { return absl::StrCat("sample ", index); },
                                 [&] {
                                   TensorDict sample = dataset_->get(index);
                                   if (options_.transform != nullptr) {
                                     CounterRandom random(
                                         mix_seed({options_.seed, static_cast<uint64_t>(epoch),
                                                   static_cast<uint64_t>(index)}));
                                     options_.transform(sample, random);
                                   }
                                   return sample;
                                 }));
  }
  return options_.collate != nullptr ? (*options_.collate)(samples) : collate(samples);
}

std::optional<double> DatasetBatchMaker::nanoseconds_per_sample() const {
  if (options_.transform != nullptr || options_.collate != nullptr) return std::nullopt;
  return composer::nanoseconds_per_sample(*dataset_, /*transformed=*/false);
}

std::optional<std::string> DatasetBatchMaker::learnt() const {
  std::optional<Learnt> learnt = dataset_->learnt();
  if (!learnt) return std::nullopt;
  return std::move(learnt->text);
}

}  // namespace composer
