#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/data/image_dataset.h"

namespace composer {

/// Grey images of one size and a label for each, from two IDX files. Both are held in memory as
/// bytes.
class IdxImages : public ImageDataset {
 public:
  int64_t size() const override { return static_cast<int64_t>(files_.labels.size()); }
  std::string name() const override { return name_; }
  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override;
  Batch companions(absl::Span<const int64_t> indices) const override;
  const ChannelStatistics& statistics() const override { return statistics_; }

 protected:
  struct Files {
    std::vector<uint8_t> images;
    std::vector<uint8_t> labels;
    int64_t height = 0;
    int64_t width = 0;
    std::string images_path;
  };

  /// Reads and checks `dir`'s files of MNIST's names, "train-images-idx3-ubyte" or "t10k-...", each
  /// compressed (".gz") or not. Labels are below `classes`. Errors are about the field "dir";
  /// `hint` is put behind those about missing files.
  static absl::StatusOr<Files> read(const std::string& dir, bool train, int classes,
                                    absl::string_view hint);
  /// An error about the field "mean" or "std".
  static absl::Status check(double mean, double std);

  IdxImages(std::string name, Files files, double mean, double std);

 private:
  std::string name_;
  Files files_;
  ChannelStatistics statistics_;
};

}  // namespace composer
