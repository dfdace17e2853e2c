#include "tests/conformance/sample_datasets.h"

#include <filesystem>
#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/data/formats/golden_images.h"
#include "tests/data/formats/golden_tables.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/formats/mds_files.h"

namespace composer::testing {
namespace {

constexpr int kSamples = 120;

// Bytes that do not repeat soon.
std::string bytes(size_t count) {
  std::string result;
  uint32_t state = 1;
  for (size_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    result.push_back(static_cast<char>(state >> 24));
  }
  return result;
}

std::string idx_folder() {
  const std::string folder = make_folder();
  std::string labels;
  for (int i = 0; i < kSamples; ++i) labels.push_back(static_cast<char>(i % 10));
  for (const char* split : {"train", "t10k"}) {
    write_file(absl::StrCat(folder, "/", split, "-images-idx3-ubyte.gz"),
               gzip(idx_header({kSamples, 28, 28}) + bytes(kSamples * 28 * 28)));
    write_file(absl::StrCat(folder, "/", split, "-labels-idx1-ubyte.gz"),
               gzip(idx_header({kSamples}) + labels));
  }
  return folder;
}

// Records of `labels` bytes, all below ten, and a picture.
std::string cifar_records(int count, int labels) {
  std::string result;
  const std::string picture = bytes(3072);
  for (int i = 0; i < count; ++i) {
    result.append(labels, static_cast<char>(i % 10));
    result.append(picture.substr(i)).append(picture.substr(0, i));
  }
  return result;
}

SampleDataset cifar10() {
  const std::string folder = make_folder();
  for (int i = 1; i <= 5; ++i) {
    write_file(absl::StrCat(folder, "/data_batch_", i, ".bin"), cifar_records(5, 1));
  }
  return {absl::StrCat("cifar10 { dir: '", folder, "' }"), 4};
}

SampleDataset cifar100() {
  const std::string folder = make_folder();
  write_file(folder + "/train.bin", cifar_records(25, 2));
  return {absl::StrCat("cifar100 { dir: '", folder, "' }"), 4};
}

SampleDataset image_folder() {
  const std::string folder = make_folder();
  for (const char* kind : {"cat", "dog"}) {
    std::filesystem::create_directory(folder + "/" + kind);
    for (const char* image : {"rgb.png", "grey.png", "rgba.png", "palette.png", "rgb_444.jpg"}) {
      write_file(absl::StrCat(folder, "/", kind, "/", image), golden_image_file(image));
    }
  }
  return {absl::StrCat("image_folder { dir: '", folder, "' }"), 1};
}

SampleDataset csv() {
  std::string rows = "a,b,target\n";
  for (int i = 0; i < kSamples; ++i) absl::StrAppend(&rows, i * 0.5, ",", -i, ",", i % 3, "\n");
  const std::string path = make_folder() + "/a.csv";
  write_file(path, rows);
  return {absl::StrCat("csv { file: '", path,
                       "' columns { name: 'a' tensor: 'input' standardize: true } columns { name: "
                       "'b' tensor: 'input' } columns { name: 'target' type: CATEGORY } }"),
          8};
}

SampleDataset json_lines() {
  const std::string folder = make_folder();
  std::string files;
  for (int file = 0; file < 3; ++file) {
    std::string lines;
    for (int i = 0; i < kSamples / 3; ++i) {
      absl::StrAppend(&lines, "{\"input\": [", i, ", ", file, ".5], \"target\": ", i % 4, "}\n");
    }
    const std::string path = absl::StrCat(folder, "/", file, ".jsonl");
    write_file(path, lines);
    absl::StrAppend(&files, "files: '", path, "' ");
  }
  return {absl::StrCat("json_lines { ", files,
                       "fields { key: 'input' } fields { key: 'target' type: INTEGER } }"),
          4};
}

SampleDataset numpy() {
  std::string header =
      absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (", kSamples, ", 3), }");
  header.resize(128 - 10 - 1, ' ');
  header.push_back('\n');
  const std::string path = make_folder() + "/a.npy";
  write_file(path, std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size()) + '\0' +
                       header + std::string(kSamples * 12, '\x3f').replace(0, 400, bytes(400)));
  return {absl::StrCat("numpy { arrays { name: 'input' file: '", path, "' } }"), 8};
}

SampleDataset safetensors() {
  std::string header = absl::StrCat("{\"x\":{\"dtype\":\"I16\",\"shape\":[", kSamples,
                                    ",2],\"data_offsets\":[0,", kSamples * 4, "]}}");
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string length(8, '\0');
  length[0] = static_cast<char>(header.size());
  const std::string path = make_folder() + "/a.safetensors";
  write_file(path, length + header + bytes(kSamples * 4));
  return {absl::StrCat("safetensors { tensors { name: 'input' file: '", path, "' array: 'x' } }"),
          8};
}

SampleDataset text() {
  const std::string path = make_folder() + "/a.txt";
  write_file(path, bytes(1000));
  return {absl::StrCat("text { files: '", path, "' windows { sequence_length: 16 } }"), 4};
}

SampleDataset tokens() {
  const std::string path = make_folder() + "/a.bin";
  write_file(path, bytes(2000));
  return {absl::StrCat("tokens { files: '", path, "' windows { sequence_length: 16 stride: 8 } }"),
          4};
}

SampleDataset sentencepiece() {
  return {absl::StrCat("sentencepiece { files: '", golden_table("verses.txt"), "' model: '",
                       golden_table("tiny.model"), "' windows { sequence_length: 4 } }"),
          4};
}

SampleDataset mds() {
  return {absl::StrCat("mds { dir: '", golden_mds("numbers_zstd"),
                       "' columns { column: 'fixed' tensor: 'input' } columns { column: 'uint16' "
                       "tensor: 'target' } }"),
          1};
}

}  // namespace

SampleDataset sample_dataset(const std::string& name) {
  static const auto* const kSamplesOf = new std::map<std::string, std::function<SampleDataset()>>{
      {"BibleKjv",
       [] {
         return SampleDataset{"bible_kjv { windows { sequence_length: 64 } }", 32};
       }},
      {"Cifar10", cifar10},
      {"Cifar100", cifar100},
      {"Csv", csv},
      {"FashionMnist",
       [] {
         return SampleDataset{absl::StrCat("fashion_mnist { dir: '", idx_folder(), "' }"), 8};
       }},
      {"ImageFolder", image_folder},
      {"JsonLines", json_lines},
      {"Mds", mds},
      {"Mixture",
       [] {
         return SampleDataset{
             "mixture { parts { dataset { synthetic { num_samples: 50 shape: 2 } } proportion: 2 } "
             "parts { dataset { synthetic { num_samples: 20 shape: 2 seed: 1 } } proportion: 1 } "
             "stop: LAST_EXHAUSTED }",
             4};
       }},
      {"Mnist",
       [] {
         return SampleDataset{absl::StrCat("mnist { dir: '", idx_folder(), "' }"), 8};
       }},
      {"Numpy", numpy},
      {"Safetensors", safetensors},
      {"SentencePieceText", sentencepiece},
      {"Synthetic",
       [] {
         return SampleDataset{"synthetic { num_samples: 100 shape: [2, 3] }", 8};
       }},
      {"Text", text},
      {"Tokens", tokens},
  };
  const auto position = kSamplesOf->find(name.substr(name.rfind('.') + 1));
  return position == kSamplesOf->end() ? SampleDataset{} : position->second();
}

}  // namespace composer::testing
