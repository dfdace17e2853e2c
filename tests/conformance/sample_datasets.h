#pragma once

#include <string>

namespace composer::testing {

/// A small dataset of one kind.
struct SampleDataset {
  /// A `Dataset` message as text: "csv { ... }". Empty when there is no sample of the kind.
  std::string config;
  int64_t batch_size = 1;
};

/// Of the dataset or stream that is registered under `name`, in files of the test's own where it
/// needs some. At least five batches.
SampleDataset sample_dataset(const std::string& name);

}  // namespace composer::testing
