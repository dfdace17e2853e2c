#include "tests/data/page/page_files.h"

#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/checkpoint/safetensors.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

const char kGolden[] = "tests/golden/data";

void copy(const std::string& from, const std::string& to) {
  fs::create_directories(fs::path(to).parent_path());
  fs::copy(fs::path(kGolden) / from, to, fs::copy_options::recursive);
}

void make_mnist(const std::string& dir) {
  fs::create_directories(dir);
  for (const auto& [name, count] : {std::pair("train", 5u), std::pair("t10k", 2u)}) {
    write_file(absl::StrCat(dir, "/", name, "-images-idx3-ubyte"),
               idx_header({count, 28, 28}) + std::string(count * 28 * 28, '\x40'));
    write_file(absl::StrCat(dir, "/", name, "-labels-idx1-ubyte"),
               idx_header({count}) + std::string(count, '\x03'));
  }
}

// A file that is no image among others that are.
void make_photos(const std::string& dir) {
  copy("images/progressive.jpg", dir + "/cat/1.jpg");
  copy("images/keep_rgb.jpg", dir + "/cat/2.jpg");
  copy("images/rgb.png", dir + "/cat/3.png");
  copy("images/grey.jpg", dir + "/dog/1.jpg");
  copy("images/palette.png", dir + "/dog/2.png");
}

// Float32 [rows, columns], counted up.
std::string npy(int64_t rows, int64_t columns) {
  std::string header = absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", rows,
                                    ", ", columns, "), }");
  header.append(64 - (10 + header.size() + 1) % 64, ' ');
  header.push_back('\n');
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes.push_back(static_cast<char>(header.size() & 0xff));
  bytes.push_back(static_cast<char>(header.size() >> 8));
  bytes += header;
  for (int64_t i = 0; i < rows * columns; ++i) {
    const float value = static_cast<float>(i);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

void make_page_files(const std::string& root) {
  const std::string data = root + "/data";
  make_mnist(data + "/mnist");
  copy("cifar/cifar10", data + "/cifar-10-batches-bin");
  copy("cifar/cifar100", data + "/cifar-100-binary");
  make_photos(data + "/photos");
  copy("tables/train.csv", data + "/train.csv");
  write_file(data + "/test.csv", "age;label\n30;yes\n;no\n");
  write_file(data + "/train.jsonl",
             "{\"text\": \"a cat\", \"image\": [[0, 1], [2, 3]], \"meta\": {\"label\": \"cat\"}}\n"
             "{\"text\": \"dog\", \"image\": [[4, 5], [6, 7]], \"meta\": {\"label\": \"dog\"}}\n"
             "{\"text\": \"cats\", \"image\": [[4, 5], [6, 7]], \"meta\": {\"label\": \"cat\"}}\n"
             "{\"text\": \"\", \"image\": [[8, 9], [6, 7]], \"meta\": {\"label\": \"dog\"}}\n");
  write_file(data + "/more.jsonl",
             "{\"image\": [[4, 5], [6, 7]], \"meta\": {\"label\": \"dog\"}}\n");
  write_file(data + "/features.npy", npy(2, 5));
  copy("arrays/stored.npz", data + "/labels.npz");
  ASSERT_TRUE(write_safetensors(data + "/train.safetensors",
                                {{"features", at::arange(30.).to(at::kFloat).view({6, 5})},
                                 {"labels", at::arange(6)}})
                  .ok());
  copy("mds/jpeg", data + "/mds");
  write_file(data + "/corpus.txt", repeated("In the beginning was the word.\n", 40));
  write_file(data + "/notes.txt", repeated("And the word was counted.\n", 10));
  copy("tables/tiny.model", data + "/tokenizer.model");
  copy("tables/tokens_u16.bin", data + "/train.bin");
}

}  // namespace composer
