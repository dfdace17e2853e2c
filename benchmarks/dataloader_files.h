#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "benchmarks/dataloader_baselines.h"

namespace composer::benchmarks {

/// A folder of its own among the temporary files, that goes when this does.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Images with slow colours, edges and noise.
SmallImages make_small_images(int64_t count);

/// CIFAR-10's binary files. REQUIRES: `images` divide by 5.
void write_cifar10(const std::filesystem::path& folder, const SmallImages& images);

/// JPEGs of 4:2:0 and quality 90, `height` x `width`, in ten class folders: [name][bytes]. Returns
/// them too, in the order of their paths.
std::vector<std::vector<uint8_t>> write_jpegs(const std::filesystem::path& folder, int64_t count,
                                              int64_t height, int64_t width);

/// Decodes by libjpeg-turbo alone, one after the other.
class JpegDecoding {
 public:
  JpegDecoding();
  ~JpegDecoding();
  JpegDecoding(const JpegDecoding&) = delete;
  JpegDecoding& operator=(const JpegDecoding&) = delete;

  void decode(const std::vector<uint8_t>& jpeg);

 private:
  void* handle_;
  std::vector<uint8_t> pixels_;
};

}  // namespace composer::benchmarks
