#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/dataset.h"
#include "composer/data/formats/array_view.h"
#include "composer/data/image_dataset.h"

namespace composer {

/// An array of a file whose first dimension counts samples.
struct SampleArray {
  /// The tensor's name in batches.
  std::string name;
  /// In messages: `images.npz, array "x"`.
  std::string origin;
  ArrayView view;
  /// Holds the memory.
  std::shared_ptr<const void> owner;
};

/// Samples that are rows of arrays, read where they lie. Types stay, but for integers of `target`,
/// `labels` and `input_ids`, which come as int64.
class ArrayDataset final : public BatchedDataset {
 public:
  /// InvalidArgument when an array has no first dimension, or they disagree on the number of
  /// samples; its field is that of the array, FIELD[i].
  static absl::StatusOr<std::shared_ptr<ArrayDataset>> create(std::vector<SampleArray> arrays,
                                                              absl::string_view field,
                                                              std::string name);

  int64_t size() const override { return size_; }
  Batch get_batch(absl::Span<const int64_t> indices) const override;
  std::string name() const override { return name_; }

 private:
  struct Column {
    SampleArray array;
    at::Tensor rows;
  };

  ArrayDataset() = default;

  std::string name_;
  std::vector<Column> columns_;
  int64_t size_ = 0;
};

/// The same where `input` is an array of images: bytes, [N, channels, height, width] or [N, height,
/// width, channels] with 1 or 3 channels. Scaled to [0, 1] unless a loader says otherwise.
class ImageArrayDataset final : public ImageDataset {
 public:
  static bool takes(const SampleArray& array);

  /// As ArrayDataset's, with an `input` that it takes.
  static absl::StatusOr<std::shared_ptr<ImageArrayDataset>> create(std::vector<SampleArray> arrays,
                                                                   absl::string_view field,
                                                                   std::string name);

  int64_t size() const override { return size_; }
  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override;
  Batch companions(absl::Span<const int64_t> indices) const override;
  const ChannelStatistics& statistics() const override { return statistics_; }
  std::string name() const override { return name_; }

 private:
  ImageArrayDataset() = default;

  std::string name_;
  int64_t size_ = 0;
  SampleArray images_;
  bool planar_ = true;
  /// Null when there is nothing but images.
  std::shared_ptr<ArrayDataset> others_;
  ChannelStatistics statistics_;
};

/// An ImageArrayDataset where there are images, else an ArrayDataset.
absl::StatusOr<std::shared_ptr<Dataset>> dataset_of_arrays(std::vector<SampleArray> arrays,
                                                           absl::string_view field,
                                                           std::string name);

}  // namespace composer
