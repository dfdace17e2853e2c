#include "composer/data/dataset.h"

#include <ATen/ops/select.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/collate.h"
#include "composer/data/samplers/sampler.h"

namespace composer {

Batch Dataset::get_batch(absl::Span<const int64_t> indices) const {
  std::vector<TensorDict> samples;
  samples.reserve(indices.size());
  for (const int64_t index : indices) {
    try {
      samples.push_back(get(index));
    } catch (...) {
      throw_if_error(annotate(absl::StrCat("sample ", index), status_of_current_exception()));
    }
  }
  return collate(samples);
}

std::unique_ptr<Sampler> Dataset::make_sampler(uint64_t, bool) const { return nullptr; }

TensorDict BatchedDataset::get(int64_t index) const {
  TensorDict sample;
  for (const auto& [name, tensor] : get_batch({index})) {
    sample.set(name, at::select(tensor, 0, 0));
  }
  return sample;
}

}  // namespace composer
