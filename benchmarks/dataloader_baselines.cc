#include "benchmarks/dataloader_baselines.h"

#include <ATen/ATen.h>
#include <torch/data.h>

#include <algorithm>
#include <atomic>
#include <random>
#include <utility>

namespace composer::benchmarks {
namespace {

namespace data = torch::data;
using Example = data::Example<>;

// For each worker one generator, as LibTorch's own transforms would draw from one.
std::minstd_rand& generator() {
  static std::atomic<unsigned> threads = 0;
  thread_local std::minstd_rand generator(++threads);
  return generator;
}

struct Draw {
  int64_t top;
  int64_t left;
  bool flip;
};

Draw draw() {
  std::minstd_rand& random = generator();
  constexpr int64_t kPlaces = 2 * kPadding + 1;
  return {static_cast<int64_t>(random() % kPlaces), static_cast<int64_t>(random() % kPlaces),
          random() % 2 == 0};
}

// One channel. Clones for what the processor has, as one would compile for one's own machine.
__attribute__((target_clones("arch=haswell", "default"))) void write_channel(
    const uint8_t* in, const Draw& where, float scale, float shift, float* out) {
  const int64_t left = std::max<int64_t>(kPadding - where.left, 0);
  const int64_t right = std::min(kSide + kPadding - where.left, kSide);
  for (int64_t y = 0; y < kSide; ++y) {
    const int64_t from = y + where.top - kPadding;
    float* row = out + y * kSide;
    if (from < 0 || from >= kSide) {
      for (int64_t x = 0; x < kSide; ++x) row[x] = shift;
      continue;
    }
    const uint8_t* pixels = in + from * kSide + where.left - kPadding;
    if (where.flip) {
      for (int64_t x = 0; x < left; ++x) row[kSide - 1 - x] = shift;
      for (int64_t x = left; x < right; ++x) {
        row[kSide - 1 - x] = static_cast<float>(pixels[x]) * scale + shift;
      }
      for (int64_t x = right; x < kSide; ++x) row[kSide - 1 - x] = shift;
    } else {
      for (int64_t x = 0; x < left; ++x) row[x] = shift;
      for (int64_t x = left; x < right; ++x) {
        row[x] = static_cast<float>(pixels[x]) * scale + shift;
      }
      for (int64_t x = right; x < kSide; ++x) row[x] = shift;
    }
  }
}

class HandWritten
    : public data::datasets::BatchDataset<HandWritten, Example, at::ArrayRef<size_t>> {
 public:
  explicit HandWritten(std::shared_ptr<const SmallImages> images) : images_(std::move(images)) {}

  Example get_batch(at::ArrayRef<size_t> indices) override {
    const auto count = static_cast<int64_t>(indices.size());
    at::Tensor input = at::empty({count, 3, kSide, kSide}, at::kFloat);
    at::Tensor target = at::empty({count}, at::kLong);
    float* out = input.mutable_data_ptr<float>();
    int64_t* labels = target.mutable_data_ptr<int64_t>();
    for (size_t k = 0; k < indices.size(); ++k) {
      if (k + 1 < indices.size()) {
        const uint8_t* next = images_->pixels.data() + indices[k + 1] * kImageBytes;
        for (int64_t i = 0; i < kImageBytes; i += 64) __builtin_prefetch(next + i);
      }
      const uint8_t* image = images_->pixels.data() + indices[k] * kImageBytes;
      const Draw where = draw();
      for (int64_t c = 0; c < 3; ++c) {
        const auto scale = static_cast<float>(1 / (255 * kStd[c]));
        const auto shift = static_cast<float>(-kMean[c] / kStd[c]);
        write_channel(image + c * kSide * kSide, where, scale, shift, out);
        out += kSide * kSide;
      }
      labels[k] = images_->labels[indices[k]];
    }
    return {std::move(input), std::move(target)};
  }

  std::optional<size_t> size() const override { return images_->labels.size(); }

 private:
  std::shared_ptr<const SmallImages> images_;
};

class WithOperators : public data::datasets::Dataset<WithOperators> {
 public:
  WithOperators(std::shared_ptr<const SmallImages> images, int64_t count)
      : images_(std::move(images)),
        count_(count),
        mean_(at::tensor(at::ArrayRef<double>(kMean)).to(at::kFloat).view({3, 1, 1})),
        std_(at::tensor(at::ArrayRef<double>(kStd)).to(at::kFloat).view({3, 1, 1})) {}

  Example get(size_t index) override {
    auto* pixels = const_cast<uint8_t*>(images_->pixels.data() + index * kImageBytes);
    const at::Tensor image = at::from_blob(pixels, {3, kSide, kSide}, at::kByte);
    const Draw where = draw();
    at::Tensor window = at::constant_pad_nd(image, {kPadding, kPadding, kPadding, kPadding})
                            .slice(1, where.top, where.top + kSide)
                            .slice(2, where.left, where.left + kSide);
    if (where.flip) window = window.flip({2});
    at::Tensor input = window.to(at::kFloat).div_(255).sub_(mean_).div_(std_);
    return {std::move(input), at::scalar_tensor(images_->labels[index], at::kLong)};
  }

  std::optional<size_t> size() const override { return count_; }

 private:
  std::shared_ptr<const SmallImages> images_;
  size_t count_;
  at::Tensor mean_;
  at::Tensor std_;
};

template <typename Dataset>
Epoch epoch_of(Dataset dataset, int64_t workers) {
  auto loader = std::shared_ptr(data::make_data_loader(
      std::move(dataset), data::DataLoaderOptions(kBatchSize).workers(workers)));
  return [loader] {
    int64_t seen = 0;
    for (const Example& batch : *loader) seen += batch.data.size(0);
    return seen;
  };
}

}  // namespace

Epoch handwritten(std::shared_ptr<const SmallImages> images, int64_t workers) {
  return epoch_of(HandWritten(std::move(images)), workers);
}

Epoch libtorch(std::shared_ptr<const SmallImages> images, int64_t workers, int64_t count) {
  return epoch_of(WithOperators(std::move(images), count).map(data::transforms::Stack<>()),
                  workers);
}

}  // namespace composer::benchmarks
