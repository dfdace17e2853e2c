#include "composer/data/sources/fashion_mnist.h"

#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/status.h"
#include "composer/data/formats/idx.h"
#include "composer/data/registry.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

constexpr int64_t kSide = 28;
constexpr int64_t kPixels = kSide * kSide;
constexpr int kClasses = 10;

std::string hint(const std::string& dir) {
  if (dir != config::FashionMnist::default_instance().dir()) return "";
  return "; Debian's package dataset-fashion-mnist brings it: apt-get install "
         "dataset-fashion-mnist";
}

// The path of `name`, compressed or not, in the folder.
absl::StatusOr<std::string> find(const std::string& dir, const std::string& name) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) {
    return field_error("dir", absl::StrCat("there is no folder ", dir, hint(dir)));
  }
  for (const char* suffix : {".gz", ""}) {
    const std::string path = (std::filesystem::path(dir) / (name + suffix)).string();
    if (std::filesystem::exists(path, error)) return path;
  }
  return field_error("dir", absl::StrCat(dir, " has no ", name, ".gz (or ", name, ")", hint(dir)));
}

absl::StatusOr<IdxArray> read(const std::string& path, int dimensions) {
  absl::StatusOr<IdxArray> array = read_idx(path, dimensions);
  if (!array.ok()) return field_error("dir", array.status().message());
  return array;
}

// Asks for one image's memory.
void prefetch(const uint8_t* image) {
  constexpr int64_t kCacheLine = 64;
  for (int64_t i = 0; i < kPixels; i += kCacheLine) __builtin_prefetch(image + i);
}

}  // namespace

absl::StatusOr<std::shared_ptr<FashionMnist>> FashionMnist::create(const Config& config) {
  if (!(config.std() > 0) || !std::isfinite(config.std())) {
    return field_error("std", absl::StrCat("std is ", config.std(), "; it must be above 0"));
  }
  const std::string prefix = config.split() == config::TRAIN ? "train" : "t10k";
  COMPOSER_ASSIGN_OR_RETURN(const std::string images_path,
                            find(config.dir(), prefix + "-images-idx3-ubyte"));
  COMPOSER_ASSIGN_OR_RETURN(const std::string labels_path,
                            find(config.dir(), prefix + "-labels-idx1-ubyte"));
  COMPOSER_ASSIGN_OR_RETURN(IdxArray labels, read(labels_path, 1));
  COMPOSER_ASSIGN_OR_RETURN(IdxArray images, read(images_path, 3));

  if (images.shape[1] != kSide || images.shape[2] != kSide) {
    return field_error("dir", absl::StrCat(images_path, ": expected images of 28x28 pixels, found ",
                                           images.shape[1], "x", images.shape[2]));
  }
  if (images.shape[0] != labels.shape[0]) {
    return field_error("dir", absl::StrCat(images_path, " has ", images.shape[0], " images, but ",
                                           labels_path, " has ", labels.shape[0], " labels"));
  }
  if (labels.values.empty()) return field_error("dir", absl::StrCat(images_path, " has no images"));
  for (size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] >= kClasses) {
      return field_error("dir", absl::StrCat(labels_path, ": the label of sample ", i, " is ",
                                             labels.values[i], "; expected 0 to 9"));
    }
  }
  return std::shared_ptr<FashionMnist>(
      new FashionMnist(config, std::move(images.values), std::move(labels.values)));
}

FashionMnist::FashionMnist(const Config& config, std::vector<uint8_t> images,
                           std::vector<uint8_t> labels)
    : name_(config.split() == config::TRAIN ? "fashion_mnist (train)" : "fashion_mnist (test)"),
      images_(std::move(images)),
      labels_(std::move(labels)) {
  // In float, step by step, as torchvision's ToTensor and Normalize: the same bits.
  const float mean = static_cast<float>(config.mean());
  const float std = static_cast<float>(config.std());
  for (int i = 0; i < 256; ++i) normalized_[i] = (static_cast<float>(i) / 255.0f - mean) / std;
}

Batch FashionMnist::get_batch(absl::Span<const int64_t> indices) const {
  const int64_t count = static_cast<int64_t>(indices.size());
  at::Tensor input = at::empty({count, 1, kSide, kSide}, at::kFloat);
  at::Tensor target = at::empty({count}, at::kLong);
  float* pixel_out = input.mutable_data_ptr<float>();
  int64_t* label_out = target.mutable_data_ptr<int64_t>();
  for (const int64_t index : indices) {
    TORCH_CHECK_INDEX(index >= 0 && index < size(), "there is no sample ", index, " among ",
                      size());
  }
  for (size_t k = 0; k < indices.size(); ++k) {
    // In a shuffled order the next image is far away: waiting for its memory would double the time.
    if (k + 1 < indices.size()) prefetch(images_.data() + indices[k + 1] * kPixels);
    const uint8_t* pixel = images_.data() + indices[k] * kPixels;
    for (int64_t i = 0; i < kPixels; ++i) pixel_out[i] = normalized_[pixel[i]];
    pixel_out += kPixels;
    label_out[k] = labels_[indices[k]];
  }
  return {{"input", std::move(input)}, {"target", std::move(target)}};
}

COMPOSER_REGISTER(Dataset, FashionMnist);

}  // namespace composer
