#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/dataset.h"

namespace composer {

namespace config {
class FashionMnist;
}

/// Fashion-MNIST (Xiao et al., 2017, arXiv:1708.07747), or MNIST, from its IDX files. Batches:
/// `input` float [N, 1, 28, 28], (pixel / 255 - mean) / std; `target` int64 [N], 0 to 9. The images
/// are held as bytes, 47 MB for the training split.
class FashionMnist final : public BatchedDataset {
 public:
  using Config = config::FashionMnist;

  /// Reads and checks the split's two files. Errors are about the field "dir", or "std".
  static absl::StatusOr<std::shared_ptr<FashionMnist>> create(const Config& config);

  int64_t size() const override { return static_cast<int64_t>(labels_.size()); }
  Batch get_batch(absl::Span<const int64_t> indices) const override;
  std::string name() const override { return name_; }

 private:
  FashionMnist(const Config& config, std::vector<uint8_t> images, std::vector<uint8_t> labels);

  std::string name_;
  std::vector<uint8_t> images_;
  std::vector<uint8_t> labels_;
  // The input for each value of a pixel.
  std::array<float, 256> normalized_;
};

}  // namespace composer
