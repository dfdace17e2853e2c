#include "benchmarks/dataloader_files.h"

#include <turbojpeg.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/counter_random.h"

namespace composer::benchmarks {
namespace {

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "dataloader: %s\n", message.c_str());
  std::exit(1);
}

// Calls `set(row, column, channel, byte)`.
template <typename Set>
void paint(int64_t height, int64_t width, uint64_t key, Set set) {
  CounterRandom random(key);
  const double slope_y = random.uniform(0, 8) / static_cast<double>(height);
  const double slope_x = random.uniform(0, 8) / static_cast<double>(width);
  const int64_t top = random.below(height);
  const int64_t left = random.below(width);
  double levels[3];
  for (double& level : levels) level = random.uniform(60, 160);
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const double wave = 50 * std::sin(slope_y * static_cast<double>(y)) *
                          std::cos(slope_x * static_cast<double>(x));
      const double object = y >= top && x >= left ? 30 : 0;
      const uint64_t noise = random.next();
      for (int64_t c = 0; c < 3; ++c) {
        const double grain = static_cast<double>((noise >> (8 * c)) % 16);
        const double value = levels[c] + wave * static_cast<double>(c + 1) / 2 + object + grain;
        set(y, x, c, static_cast<uint8_t>(std::min(std::max(value, 0.0), 255.0)));
      }
    }
  }
}

void write(const std::filesystem::path& path, const void* bytes, size_t size) {
  std::ofstream file(path, std::ios::binary);
  file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
  if (!file.flush()) fail("cannot write " + path.string());
}

}  // namespace

TemporaryFolder::TemporaryFolder()
    : path_(std::filesystem::temp_directory_path() / absl::StrCat("dataloader.", getpid())) {
  std::filesystem::create_directories(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SmallImages make_small_images(int64_t count) {
  SmallImages images;
  images.pixels.resize(count * kImageBytes);
  for (int64_t i = 0; i < count; ++i) {
    uint8_t* image = images.pixels.data() + i * kImageBytes;
    paint(kSide, kSide, i, [&](int64_t y, int64_t x, int64_t c, uint8_t byte) {
      image[(c * kSide + y) * kSide + x] = byte;
    });
    images.labels.push_back(i % 10);
  }
  return images;
}

void write_cifar10(const std::filesystem::path& folder, const SmallImages& images) {
  const size_t part = images.labels.size() / 5;
  for (size_t file = 0; file < 5; ++file) {
    std::vector<uint8_t> bytes;
    bytes.reserve(part * (kImageBytes + 1));
    for (size_t i = file * part; i < (file + 1) * part; ++i) {
      bytes.push_back(static_cast<uint8_t>(images.labels[i]));
      const auto image = images.pixels.begin() + static_cast<int64_t>(i) * kImageBytes;
      bytes.insert(bytes.end(), image, image + kImageBytes);
    }
    write(folder / absl::StrCat("data_batch_", file + 1, ".bin"), bytes.data(), bytes.size());
  }
}

std::vector<std::vector<uint8_t>> write_jpegs(const std::filesystem::path& folder, int64_t count,
                                              int64_t height, int64_t width) {
  std::vector<std::vector<uint8_t>> jpegs;
  const tjhandle handle = tjInitCompress();
  std::vector<uint8_t> pixels(height * width * 3);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = i * 10 / count;
    paint(height, width, i, [&](int64_t y, int64_t x, int64_t c, uint8_t byte) {
      pixels[(y * width + x) * 3 + c] = byte;
    });
    unsigned char* jpeg = nullptr;
    unsigned long size = 0;
    if (tjCompress2(handle, pixels.data(), static_cast<int>(width), 0, static_cast<int>(height),
                    TJPF_RGB, &jpeg, &size, TJSAMP_420, 90, 0) != 0) {
      fail(tjGetErrorStr2(handle));
    }
    const std::filesystem::path of_class = folder / absl::StrCat("class", label);
    std::filesystem::create_directories(of_class);
    write(of_class / absl::StrFormat("%05d.jpg", i), jpeg, size);
    jpegs.emplace_back(jpeg, jpeg + size);
    tjFree(jpeg);
  }
  tjDestroy(handle);
  return jpegs;
}

JpegDecoding::JpegDecoding() : handle_(tjInitDecompress()) {}

JpegDecoding::~JpegDecoding() { tjDestroy(handle_); }

void JpegDecoding::decode(const std::vector<uint8_t>& jpeg) {
  int width = 0;
  int height = 0;
  int sampling = 0;
  int space = 0;
  if (tjDecompressHeader3(handle_, jpeg.data(), jpeg.size(), &width, &height, &sampling, &space) !=
      0) {
    fail(tjGetErrorStr2(handle_));
  }
  pixels_.resize(static_cast<size_t>(width) * height * 3);
  if (tjDecompress2(handle_, jpeg.data(), jpeg.size(), pixels_.data(), width, 0, height, TJPF_RGB,
                    0) != 0) {
    fail(tjGetErrorStr2(handle_));
  }
}

}  // namespace composer::benchmarks
