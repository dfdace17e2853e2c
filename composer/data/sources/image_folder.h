#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/formats/decoded_image.h"
#include "composer/data/formats/image_folder_files.h"
#include "composer/data/image_dataset.h"

namespace composer {

namespace config {
class ImageFolder;
}

/// JPEG and PNG files in a folder for each class, in the order and with the numbers that
/// torchvision's ImageFolder gives them (formats/image_folder_files.h), but that hidden files and
/// folders are left out. Images are read and decoded when they are asked for
/// (formats/image_file.h); they may differ in size. `target` int64 is the class.
///
/// Where a config lists `classes`, one that has no folder has no samples, and folders that are not
/// listed are left out; when both happen at once, a name is probably misspelt, and that is an
/// error.
///
/// The list of files is kept in the folder (formats/image_folder_index.h) where that can be
/// written.
class ImageFolder final : public ImageDataset {
 public:
  using Config = config::ImageFolder;

  /// Errors are about the fields "dir", "classes", "channels", "mean" and "std".
  static absl::StatusOr<std::shared_ptr<ImageFolder>> create(const Config& config);

  /// The classes by number.
  const std::vector<std::string>& classes() const { return classes_; }
  /// The sample's file.
  std::string path(int64_t index) const;

  int64_t size() const override { return files_.size(); }
  std::string name() const override { return name_; }
  /// Throws a StatusError with the file and the place in it when the image cannot be read.
  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override;
  Batch companions(absl::Span<const int64_t> indices) const override;
  const ChannelStatistics& statistics() const override { return statistics_; }

 private:
  ImageFolder(const Config& config, std::vector<std::string> classes, ImageFolderFiles files,
              ChannelStatistics statistics);

  std::string name_;
  std::string dir_;
  DecodeOptions decode_options_;
  std::vector<std::string> classes_;
  ImageFolderFiles files_;
  // Of each of the class folders in files_.
  std::vector<int64_t> class_numbers_;
  ChannelStatistics statistics_;
};

}  // namespace composer
