#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "composer/data/dataset.h"

namespace composer {

/// The datasets of a mixture, their samples numbered one after the other: first all of the first.
class MixtureParts {
 public:
  explicit MixtureParts(std::vector<std::shared_ptr<const Dataset>> datasets);

  int64_t size() const { return starts_.back(); }
  const std::vector<std::shared_ptr<const Dataset>>& datasets() const { return datasets_; }

  struct Place {
    size_t part;
    /// The sample's number in its part.
    int64_t index;
  };
  /// Throws a c10::IndexError for a sample that there is not.
  Place locate(int64_t index) const;

  /// One batch in the order of `indices` out of one for each part that has any of them, which
  /// `get_batch(part, its indices)` makes. Throws, naming both datasets, when they differ in more
  /// than their first dimension; what `get_batch` throws comes with the dataset's name.
  Batch join(absl::Span<const int64_t> indices,
             const std::function<Batch(size_t, absl::Span<const int64_t>)>& get_batch) const;

 private:
  std::vector<std::shared_ptr<const Dataset>> datasets_;
  // Of the samples before each part.
  std::vector<int64_t> starts_;
};

/// What two tensor dicts differ in when they should be alike, "`input` is float [1, 28, 28] and
/// float [3, 32, 32]"; empty when they are. The sizes that are compared begin with dimension
/// `first_dimension`; the number of dimensions is always compared.
std::string difference(const TensorDict& one, const TensorDict& other, int64_t first_dimension);

}  // namespace composer
