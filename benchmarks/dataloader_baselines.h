#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace composer::benchmarks {

constexpr int64_t kBatchSize = 128;
constexpr int64_t kSide = 32;
constexpr int64_t kImageBytes = 3 * kSide * kSide;
constexpr int64_t kPadding = 4;
constexpr double kMean[3] = {0.4914, 0.4822, 0.4465};
constexpr double kStd[3] = {0.2470, 0.2435, 0.2616};

/// [count][3][32][32]
struct SmallImages {
  std::vector<uint8_t> pixels;
  std::vector<int64_t> labels;
};

/// Goes through one epoch in random order, and returns how many images came.
using Epoch = std::function<int64_t()>;

/// What one writes by hand for this very task, under LibTorch's own DataLoader: get_batch fills the
/// batch's tensors in one pass, with a multiplication and an addition for each pixel.
Epoch handwritten(std::shared_ptr<const SmallImages> images, int64_t workers);

/// LibTorch's DataLoader with ATen's operators for each image, and its Stack. The first `count`
/// images.
Epoch libtorch(std::shared_ptr<const SmallImages> images, int64_t workers, int64_t count);

}  // namespace composer::benchmarks
