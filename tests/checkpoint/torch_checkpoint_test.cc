// Reading and writing against files that PyTorch and Composer wrote: see
// tests/golden/checkpoint/make_torch.py.

#include "composer/checkpoint/torch_checkpoint.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "composer/base/zip_archive.h"
#include "composer/checkpoint/torch_zip.h"
#include "composer/checkpoint/torch_zip_writer.h"

namespace composer {
namespace {

using Tensors = std::map<std::string, at::Tensor>;

std::string golden(absl::string_view name) {
  return absl::StrCat("tests/golden/checkpoint/", name);
}

std::string temporary(absl::string_view name) {
  return absl::StrCat(::testing::TempDir(), "/", name);
}

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What Python says is in a file, by name.
Tensors expected(absl::string_view file) {
  const auto values = read_safetensors(golden("torch_values.safetensors"));
  EXPECT_TRUE(values.ok()) << values.status();
  Tensors result;
  for (const auto& [name, tensor] : values->tensors) {
    absl::string_view rest = name;
    if (absl::ConsumePrefix(&rest, absl::StrCat(file, "/"))) result[std::string(rest)] = tensor;
  }
  EXPECT_FALSE(result.empty()) << file;
  return result;
}

// In a type that safetensors has, as the script puts it.
at::Tensor storable(const at::Tensor& tensor) {
  const at::ScalarType type = tensor.scalar_type();
  if (type == at::kComplexHalf || type == at::kComplexDouble) return at::view_as_real(tensor);
  if (type == at::kFloat8_e5m2fnuz || type == at::kFloat8_e4m3fnuz) return tensor.to(at::kFloat);
  return tensor;
}

// Bits, for types that cannot be compared.
bool identical(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  const auto bytes = [](const at::Tensor& tensor) {
    const at::Tensor plain = tensor.resolve_conj().resolve_neg().contiguous();
    return std::string(static_cast<const char*>(plain.const_data_ptr()), plain.nbytes());
  };
  return bytes(a) == bytes(b);
}

void expect_equal(const NamedTensors& tensors, const Tensors& values) {
  EXPECT_EQ(tensors.size(), values.size());
  for (const auto& [name, tensor] : tensors) {
    ASSERT_EQ(values.count(name), 1u) << name;
    EXPECT_TRUE(identical(storable(tensor), values.at(name))) << name;
  }
}

TorchCheckpoint read(const std::string& path, absl::string_view key = "") {
  auto checkpoint = read_torch_checkpoint(path, key);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status();
  return checkpoint.ok() ? *std::move(checkpoint) : TorchCheckpoint();
}

void expect_refused(const std::string& path, absl::StatusCode code, absl::string_view part,
                    absl::string_view key = "") {
  const absl::Status status = read_torch_checkpoint(path, key).status();
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_TRUE(absl::StartsWith(status.message(), path)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << "\nlacks " << part;
}

TEST(TorchCheckpointTest, ReadsStateDictsOfEveryTypeAndLayout) {
  for (const char* name : {"state_dict", "dtypes", "views", "tied"}) {
    SCOPED_TRACE(name);
    const TorchCheckpoint checkpoint = read(golden(absl::StrCat(name, ".pt")));
    EXPECT_EQ(checkpoint.key, "");
    expect_equal(checkpoint.tensors, expected(name));
  }
}

TEST(TorchCheckpointTest, KeepsStridesAndWhatIsShared) {
  const TorchCheckpoint views = read(golden("views.pt"));
  Tensors tensors(views.tensors.begin(), views.tensors.end());
  EXPECT_EQ(tensors["transposed"].strides(), at::IntArrayRef({1, 4, 12}));
  EXPECT_TRUE(tensors["channels_last"].is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_EQ(tensors["expanded"].strides(), at::IntArrayRef({1, 0}));
  EXPECT_TRUE(tensors["transposed"].is_alias_of(tensors["base"]));
  EXPECT_TRUE(tensors["slice"].is_alias_of(tensors["base"]));
  const TorchCheckpoint tied = read(golden("tied.pt"));
  EXPECT_EQ(tied.tensors[0].second.const_data_ptr(), tied.tensors[1].second.const_data_ptr());
}

TEST(TorchCheckpointTest, FindsTheModelInATrainersFile) {
  const TorchCheckpoint training = read(golden("training.pt"));
  EXPECT_EQ(training.key, "model");
  expect_equal(training.tensors, expected("training"));

  const TorchCheckpoint optimizer = read(golden("training.pt"), "optimizer");
  expect_equal(optimizer.tensors, expected("optimizer"));
  EXPECT_EQ(optimizer.left_out, (std::vector<std::string>{"param_groups"}));

  const TorchCheckpoint step = read(golden("training.pt"), "optimizer.state.1");
  ASSERT_EQ(step.tensors.size(), 3u);
  EXPECT_EQ(step.tensors[0].first, "step");

  // Random states, timestamps and versions in there are objects of NumPy's, datetime's and others.
  const TorchCheckpoint composer = read(golden("composer.pt"));
  EXPECT_EQ(composer.key, "state.model");
  expect_equal(composer.tensors, expected("composer"));
}

TEST(TorchCheckpointTest, RefusesWhatIsNotReadByName) {
  using Code = absl::StatusCode;
  expect_refused(golden("foreign.pt"), Code::kInvalidArgument,
                 "\"path\": it refers to pathlib.PurePosixPath, which is not among");
  expect_refused(golden("foreign.pt"), Code::kInvalidArgument, "its keys are weight, path");
  expect_refused(golden("composer.pt"), Code::kInvalidArgument, "nothing was executed", "state");
  expect_refused(golden("composer.pt"), Code::kInvalidArgument,
                 "nothing under the key \"stat\"; did you mean \"state\"?", "stat");
  expect_refused(golden("training.pt"), Code::kInvalidArgument, "is an integer", "epoch");
  expect_refused(golden("training.pt"), Code::kInvalidArgument, "nothing under the key",
                 "model.0.weight.x");
  expect_refused(golden("legacy.pt"), Code::kUnimplemented, "PyTorch before 1.6");
  expect_refused(golden("script.pt"), Code::kUnimplemented, "TorchScript");
  expect_refused(golden("protocol4.pt"), Code::kDataLoss, "protocol 4; expected 2");
  expect_refused(golden("cnn.safetensors"), Code::kDataLoss, "no file of torch.save's");
  expect_refused(temporary("nowhere.pt"), Code::kNotFound, "No such file");
}

// A file whose records are these.
std::string zip_of(const std::vector<std::pair<std::string, std::string>>& records) {
  const std::string path = temporary("hostile.pt");
  auto writer = TorchZipWriter::create(path);
  EXPECT_TRUE(writer.ok()) << writer.status();
  for (const auto& [name, bytes] : records) EXPECT_TRUE(writer->add(name, bytes).ok());
  EXPECT_TRUE(writer->commit().ok());
  return path;
}

// The pickle of a dict with one tensor "w" of a storage "0" of `size` floats.
std::string pickle_of_view(const std::string& size, const std::string& offset,
                           const std::string& sizes, const std::string& strides) {
  return absl::StrCat(absl::string_view("\x80\x02}X\1\0\0\0w", 9),
                      "ctorch._utils\n_rebuild_tensor_v2\n((",
                      absl::string_view("X\7\0\0\0storage", 12), "ctorch\nFloatStorage\n",
                      absl::string_view("X\1\0\0\0000X\3\0\0\0cpu", 14), size, "tQ", offset, "(",
                      sizes, "t(", strides, "t\x89N(tt");
}

TEST(TorchCheckpointTest, ViewsStayWithinTheirStorages) {
  using Code = absl::StatusCode;
  const auto file = [](const std::string& offset, const std::string& sizes,
                       const std::string& strides, const std::string& size = "K\4") {
    std::string pickle = pickle_of_view(size, offset, sizes, strides);
    pickle.resize(pickle.size() - 4);  // (tt
    return zip_of({{"data.pkl", pickle + "NtRs."}, {"data/0", std::string(16, 'x')}});
  };
  const std::string zero("K\0", 2), large = "J\xff\xff\xff\x7f";
  EXPECT_EQ(read(file(zero, "K\4", "K\1")).tensors[0].second.numel(), 4);
  expect_refused(file("K\1", "K\4", "K\1"), Code::kDataLoss, "goes past the 16 bytes");
  expect_refused(file(zero, "K\2", "K\4"), Code::kDataLoss, "goes past the 16 bytes");
  expect_refused(file(zero, large, "K\1"), Code::kDataLoss, "goes past the 16 bytes");
  expect_refused(file(zero, large + large + large, zero + zero + zero), Code::kDataLoss,
                 "goes past");
  expect_refused(file(zero, large + "K\2", zero + zero), Code::kDataLoss,
                 "repeats so few elements");
  expect_refused(file(zero, "K\4", "K\1", "K\5"), Code::kDataLoss, "has 16 bytes, its storage 5");
  EXPECT_EQ(read(file(large, zero + "K\2", "K\2K\1")).tensors[0].second.numel(), 0);
}

TEST(TorchCheckpointTest, DamageIsNoticed) {
  const std::string good = read_bytes(golden("state_dict.pt"));
  const std::string path = temporary("damaged.pt");
  const auto read_damaged = [&](const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
    return read_torch_checkpoint(path).status();
  };
  for (size_t size = 0; size < good.size(); size += 37) {
    EXPECT_EQ(read_damaged(good.substr(0, size)).code(), absl::StatusCode::kDataLoss) << size;
  }
  // The weights: each bit counts.
  const auto weight = expected("state_dict")["0.weight"];
  const std::string bytes(static_cast<const char*>(weight.const_data_ptr()), weight.nbytes());
  const size_t position = good.find(bytes);
  ASSERT_NE(position, std::string::npos);
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string damaged = good;
    damaged[position + i] ^= 1 << i % 8;
    EXPECT_EQ(read_damaged(damaged).code(), absl::StatusCode::kDataLoss) << i;
  }
}

TEST(TorchCheckpointTest, WritesWhatItReads) {
  const std::string path = temporary("written.pt");
  for (const char* name : {"state_dict", "dtypes", "views", "tied"}) {
    SCOPED_TRACE(name);
    const TorchCheckpoint before = read(golden(absl::StrCat(name, ".pt")));
    const absl::Status status = write_torch_checkpoint(path, before.tensors);
    ASSERT_TRUE(status.ok()) << status;
    const TorchCheckpoint after = read(path);
    ASSERT_EQ(after.tensors.size(), before.tensors.size());
    for (size_t i = 0; i < before.tensors.size(); ++i) {
      EXPECT_EQ(after.tensors[i].first, before.tensors[i].first);
      EXPECT_TRUE(identical(after.tensors[i].second, before.tensors[i].second))
          << before.tensors[i].first;
    }
    const std::string first = read_bytes(path);
    ASSERT_TRUE(write_torch_checkpoint(path, before.tensors).ok());
    EXPECT_EQ(read_bytes(path), first);
  }
  const TorchCheckpoint tied = read(path);
  EXPECT_EQ(tied.tensors[0].second.const_data_ptr(), tied.tensors[1].second.const_data_ptr());
}

TEST(TorchCheckpointTest, WritesNoMoreThanIsUsed) {
  const std::string path = temporary("slices.pt");
  const at::Tensor large = at::arange(100'000, at::kFloat);
  ASSERT_TRUE(write_torch_checkpoint(path, {{"head", large.slice(0, 0, 10)},
                                            {"tail", large.slice(0, 99'990)},
                                            {"again", large.slice(0, 0, 10)}})
                  .ok());
  EXPECT_LT(read_bytes(path).size(), 2000u);
  const TorchCheckpoint checkpoint = read(path);
  EXPECT_TRUE(checkpoint.tensors[1].second.equal(large.slice(0, 99'990)));
  EXPECT_TRUE(checkpoint.tensors[2].second.is_alias_of(checkpoint.tensors[0].second));
  EXPECT_FALSE(checkpoint.tensors[1].second.is_alias_of(checkpoint.tensors[0].second));
}

TEST(TorchCheckpointTest, WhatCannotBeWrittenIsSaid) {
  const std::string path = temporary("refused.pt");
  const at::Tensor one = at::ones({1});
  const auto refusal = [&](const NamedTensors& tensors) {
    const absl::Status status = write_torch_checkpoint(path, tensors);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(read_bytes(path), "");
    return std::string(status.message());
  };
  EXPECT_EQ(refusal({{"a", one}, {"a", one}}), path + ": tensor \"a\" is there twice");
  EXPECT_TRUE(absl::StrContains(refusal({{"a", at::Tensor()}}), "undefined"));
  EXPECT_TRUE(absl::StrContains(refusal({{"a", one.to_sparse()}}), "not dense"));
  EXPECT_TRUE(absl::StrContains(refusal({{"\xff", one}}), "UTF-8"));
}

TEST(TorchZipTest, MoreRecordsThanZipsSmallDirectoryHolds) {
  std::vector<std::pair<std::string, std::string>> records = {{"data.pkl", "."}};
  for (int i = 0; i < 70'000; ++i) records.emplace_back(absl::StrCat("data/", i), "");
  records.emplace_back("data/last", "bytes");
  const std::string file = read_bytes(zip_of(records));
  const auto zip = TorchZip::open({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  ASSERT_TRUE(zip.ok()) << zip.status();
  EXPECT_EQ(zip->storage_size("69999").value(), 0u);
  std::string bytes(5, ' ');
  ASSERT_TRUE(zip->read_storage("last", {reinterpret_cast<uint8_t*>(bytes.data()), 5}).ok());
  EXPECT_EQ(bytes, "bytes");
  EXPECT_EQ(zip->storage_size("none").status().code(), absl::StatusCode::kNotFound);
}

TEST(TorchZipTest, BytesAreAligned) {
  const std::string file = read_bytes(zip_of({{"data.pkl", "."}, {"data/0", "first bytes"}}));
  EXPECT_EQ(file.find("first bytes") % 64, 0u);
}

}  // namespace
}  // namespace composer
