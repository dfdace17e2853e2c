#include "composer/data/sources/numpy.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/image_dataset.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/array_files.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

config::Numpy& add(config::Numpy& config, const std::string& name, const std::string& file,
                   const std::string& array = "") {
  config::ArrayChoice& choice = *config.add_arrays();
  choice.set_name(name);
  choice.set_file(file);
  if (!array.empty()) choice.set_array(array);
  return config;
}

std::string npy(const std::string& descr, const std::vector<int64_t>& shape,
                const std::string& data) {
  const std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (" +
                             absl::StrJoin(shape, ",") + ",)}";
  return std::string("\x93NUMPY\1\0", 8) + std::string({static_cast<char>(header.size()), 0}) +
         header + data;
}

std::string counting(size_t count) {
  std::string bytes(count, '\0');
  std::iota(bytes.begin(), bytes.end(), 0);
  return bytes;
}

class NumpyTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& bytes) {
    write_file(folder_ + "/" + name, bytes);
    return folder_ + "/" + name;
  }

  void expect_refused(const config::Numpy& config, const std::string& field,
                      const std::vector<std::string>& parts) {
    const absl::Status status = Numpy::create(config).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(field_of(status), field) << status;
    for (const std::string& part : parts) {
      EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
    }
  }

  const std::string folder_ = make_folder();
};

// Batches of every array that NumPy wrote have its rows.
TEST_F(NumpyTest, GivesTheRowsThatNumpyWrote) {
  size_t checked = 0;
  for (const char* suffix : {".npy", ".npz"}) {
    for (const GoldenArray& golden : golden_arrays(suffix, 1)) {
      if (golden.shape.empty() || golden.shape[0] == 0) continue;
      SCOPED_TRACE(golden.path + " " + golden.array);
      config::Numpy config;
      add(config, "x", golden.path, golden.array == "-" ? "" : golden.array);
      const auto dataset = Numpy::create(config);
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      ASSERT_EQ((*dataset)->size(), golden.shape[0]);
      const size_t row = golden.bytes.size() / golden.shape[0];
      std::vector<int64_t> indices(golden.shape[0]);
      std::iota(indices.rbegin(), indices.rend(), 0);
      indices.push_back(0);
      const Batch batch = (*dataset)->get_batch(indices);
      const at::Tensor& tensor = batch.at("x");
      std::vector<int64_t> sizes = golden.shape;
      sizes[0] = static_cast<int64_t>(indices.size());
      EXPECT_EQ(tensor.sizes().vec(), sizes);
      EXPECT_EQ(tensor.element_size() * tensor.numel(), row * indices.size());
      std::string expected;
      for (const int64_t index : indices) expected += golden.bytes.substr(index * row, row);
      EXPECT_EQ(std::string(static_cast<const char*>(tensor.const_data_ptr()), expected.size()),
                expected);
      ++checked;
    }
  }
  EXPECT_GE(checked, 20u);
}

TEST_F(NumpyTest, KeepsTypesButForIntegersThatModelsTakeAsInt64) {
  config::Numpy config;
  add(config, "mask", golden_array_file("bool.npy"));
  add(config, "half", golden_array_file("float16.npy"));
  add(config, "target", golden_array_file("int8.npy"));
  add(config, "labels", golden_array_file("float32.npy"));
  add(config, "small", golden_array_file("int8.npy"));
  const auto dataset = Numpy::create(config);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->name(), "numpy (" + golden_array_file("bool.npy") + ")");
  const Batch batch = (*dataset)->get_batch({2, 0});
  EXPECT_EQ(batch.at("mask").scalar_type(), at::kBool);
  EXPECT_EQ(batch.at("half").scalar_type(), at::kHalf);
  EXPECT_EQ(batch.at("target").scalar_type(), at::kLong);
  EXPECT_EQ(batch.at("labels").scalar_type(), at::kFloat);
  EXPECT_TRUE(at::equal(batch.at("target"), batch.at("small").to(at::kLong)));
  EXPECT_LT(batch.at("target").min().item<int64_t>(), 0);
  EXPECT_THROW((*dataset)->get_batch({3}), c10::IndexError);
}

TEST_F(NumpyTest, TakesBytesOfFourDimensionsForImages) {
  const std::string pixels = counting(2 * 3 * 4 * 5);
  const std::string labels = write("labels.npy", npy("|u1", {2}, "\5\6"));
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 3, 4, 5}, {2, 4, 5, 3}}) {
    config::Numpy config;
    add(config, "target", labels);
    add(config, "input", write("images.npy", npy("|u1", shape, pixels)));
    const auto dataset = Numpy::create(config);
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    const auto* images = dynamic_cast<const ImageDataset*>(dataset->get());
    ASSERT_NE(images, nullptr);
    std::vector<uint8_t> storage;
    const ImageView image = images->image(1, storage);
    EXPECT_EQ(image.channels, 3);
    EXPECT_EQ(image.height, 4);
    EXPECT_EQ(image.width, 5);
    const bool planar = shape[1] == 3;
    EXPECT_EQ(image.data[2 * image.channel_stride + 3 * image.row_stride + image.column_stride],
              60 + (planar ? 2 * 20 + 3 * 5 + 1 : (3 * 5 + 1) * 3 + 2));
    EXPECT_EQ(images->companions({1, 0}).at("target")[0].item<int64_t>(), 6);
    EXPECT_THROW(images->image(2, storage), c10::IndexError);
    // As torchvision's ToTensor: scaled to [0, 1].
    const at::Tensor input = (*dataset)->get_batch({0, 1}).at("input");
    at::Tensor expected = at::arange(120).reshape(shape).to(at::kFloat).div(255);
    if (!planar) expected = expected.permute({0, 3, 1, 2});
    EXPECT_TRUE(at::allclose(input, expected));
  }
}

TEST_F(NumpyTest, ReadsImagesWithoutAnythingElse) {
  config::Numpy config;
  add(config, "input", write("images.npy", npy("|u1", {2, 4, 5, 1}, counting(40))));
  const auto dataset = Numpy::create(config);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->get_batch({1}).at("input").sizes(), (at::IntArrayRef{1, 1, 4, 5}));
}

TEST_F(NumpyTest, NamesArraysThatDisagreeOnTheNumberOfSamples) {
  config::Numpy config;
  const std::string two = write("two.npy", npy("|u1", {2}, "ab"));
  const std::string three = write("three.npy", npy("|u1", {3}, "abc"));
  add(add(config, "input", two), "target", three);
  expect_refused(config, "arrays[1]", {three + " has 3", two + " has 2"});
}

TEST_F(NumpyTest, RefusesArraysWithoutSamples) {
  config::Numpy config;
  add(config, "input", golden_array_file("scalar.npy"));
  expect_refused(config, "arrays[0]", {"scalar.npy is a single number"});
  config.Clear();
  add(config, "input", golden_array_file("empty.npy"));
  expect_refused(config, "arrays[0]", {"empty.npy has no samples"});
  expect_refused(config::Numpy(), "arrays", {"at least one"});
}

TEST_F(NumpyTest, NamesTheFieldThatIsWrong) {
  config::Numpy config;
  add(config, "input", folder_ + "/none.npy");
  expect_refused(config, "arrays[0].file", {folder_ + "/none.npy"});
  config.Clear();
  add(config, "input", write("bad.npy", "hello"));
  expect_refused(config, "arrays[0].file", {"bad.npy: byte 0:", "NUMPY"});
  config.Clear();
  add(config, "input", golden_array_file("refused_fortran.npy"));
  expect_refused(config, "arrays[0].file", {"numpy.ascontiguousarray"});
  config.Clear();
  add(config, "label", golden_array_file("stored.npz"));
  expect_refused(config, "arrays[0].array", {"no array \"label\"", "did you mean \"labels\"?"});
  config.Clear();
  add(config, "input", golden_array_file("int8.npy"), "input");
  expect_refused(config, "arrays[0].array", {"has no name"});
  config.Clear();
  add(config, "input", golden_array_file("int8.npy"));
  add(config, "input", golden_array_file("int8.npy"));
  expect_refused(config, "arrays[1].name", {"\"input\" is there twice"});
}

TEST_F(NumpyTest, NamesTheFileOfABooleanThatIsNone) {
  const std::string path = write("flags.npy", npy("|b1", {3}, std::string("\0\1\2", 3)));
  config::Numpy config;
  const auto dataset = Numpy::create(add(config, "flags", path));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_TRUE((*dataset)->get_batch({0, 1}).at("flags")[1].item<bool>());
  try {
    (*dataset)->get_batch({2});
    FAIL() << "2 is no boolean";
  } catch (const StatusError& error) {
    EXPECT_EQ(error.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(error.status().message(), path + ": expected booleans, 0 and 1, found 2");
  }
}

}  // namespace
}  // namespace composer
