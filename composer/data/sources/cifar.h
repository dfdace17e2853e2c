#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "composer/data/formats/cifar_binary.h"
#include "composer/data/image_dataset.h"

namespace composer {

/// What CIFAR-10 and CIFAR-100 have in common (Krizhevsky, 2009, "Learning multiple layers of
/// features from tiny images"): RGB images of 32x32 pixels and a label for each, held in memory as
/// bytes, 154 MB for 50,000.
class Cifar : public ImageDataset {
 public:
  int64_t size() const override { return static_cast<int64_t>(images_.labels.size()); }
  std::string name() const override { return name_; }
  ImageView image(int64_t index, std::vector<uint8_t>& storage) const override;
  Batch companions(absl::Span<const int64_t> indices) const override;
  const ChannelStatistics& statistics() const override { return statistics_; }

 protected:
  /// Where a version's archive has its files and what is in them.
  struct Layout {
    /// The folder in the archive.
    const char* folder;
    std::vector<std::string> files;
    /// A file that the archive of the Python version has instead.
    const char* python_file;
    std::vector<CifarLabel> labels;
    size_t kept_label = 0;
    /// Records over all files.
    int64_t records = 0;
  };

  /// Reads and checks the files. They must have equally many records; other numbers than the
  /// original's are taken, with a warning. Errors are about the field "dir".
  static absl::StatusOr<CifarImages> read(const std::string& dir, const std::string& name,
                                          const Layout& layout);

  Cifar(std::string name, CifarImages images, ChannelStatistics statistics);

 private:
  std::string name_;
  CifarImages images_;
  ChannelStatistics statistics_;
};

}  // namespace composer
