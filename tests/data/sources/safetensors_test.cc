#include "composer/data/sources/safetensors.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "composer/base/status.h"
#include "composer/data/image_dataset.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/array_files.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

config::Safetensors& add(config::Safetensors& config, const std::string& name,
                         const std::string& file, const std::string& tensor = "") {
  config::ArrayChoice& choice = *config.add_tensors();
  choice.set_name(name);
  choice.set_file(file);
  if (!tensor.empty()) choice.set_array(tensor);
  return config;
}

std::string safetensors(const std::string& json, const std::string& data) {
  return std::string({static_cast<char>(json.size()), 0, 0, 0, 0, 0, 0, 0}) + json + data;
}

void expect_refused(const config::Safetensors& config, const std::string& field,
                    const std::vector<std::string>& parts) {
  const absl::Status status = Safetensors::create(config).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(field_of(status), field) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST(SafetensorsTest, GivesTheRowsThatSafetensorsWrote) {
  for (const GoldenArray& golden : golden_arrays("types.safetensors", 14)) {
    if (golden.shape.empty()) continue;
    SCOPED_TRACE(golden.array);
    config::Safetensors config;
    const auto dataset = Safetensors::create(add(config, "x", golden.path, golden.array));
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    const at::Tensor tensor = (*dataset)->get_batch({2, 0}).at("x");
    const size_t row = golden.bytes.size() / 3;
    EXPECT_EQ(tensor.sizes(), (at::IntArrayRef{2, 2}));
    EXPECT_EQ(std::string(static_cast<const char*>(tensor.const_data_ptr()), 2 * row),
              golden.bytes.substr(2 * row) + golden.bytes.substr(0, row));
  }
}

TEST(SafetensorsTest, TakesTensorsUnderTheirOwnNamesFromOneFile) {
  const std::string path = golden_array_file("types.safetensors");
  config::Safetensors config;
  add(add(add(config, "bfloat16", path), "target", path, "uint16"), "bool", path);
  const auto dataset = Safetensors::create(config);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->size(), 3);
  EXPECT_EQ((*dataset)->name(), "safetensors (" + path + ")");
  const TensorDict sample = (*dataset)->get(0);
  EXPECT_EQ(sample.at("bfloat16").scalar_type(), at::kBFloat16);
  EXPECT_EQ(sample.at("bfloat16")[1].item<float>(), -2);
  EXPECT_EQ(sample.at("target").scalar_type(), at::kLong);
  EXPECT_EQ(sample.at("bool").scalar_type(), at::kBool);
  EXPECT_TRUE(sample.at("bool")[0].item<bool>());
}

TEST(SafetensorsTest, ReadsDataAtAnyAddress) {
  // 51 bytes of JSON: the floats start at no multiple of four.
  const std::string json = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  ASSERT_NE(json.size() % 4, 0u);
  const std::string path = make_folder() + "/a.safetensors";
  const float values[] = {1.5f, -2.5f};
  write_file(path, safetensors(json, std::string(reinterpret_cast<const char*>(values), 8)));
  config::Safetensors config;
  const auto dataset = Safetensors::create(add(config, "x", path));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const at::Tensor x = (*dataset)->get_batch({1, 0}).at("x");
  EXPECT_EQ(x[0].item<float>(), -2.5f);
  EXPECT_EQ(x[1].item<float>(), 1.5f);
}

TEST(SafetensorsTest, TakesBytesOfFourDimensionsForImages) {
  const std::string path = make_folder() + "/a.safetensors";
  write_file(path, safetensors(R"({"input":{"dtype":"U8","shape":[1,1,2,2],"data_offsets":[0,4]}})",
                               std::string("\0\xff\xff\0", 4)));
  config::Safetensors config;
  const auto dataset = Safetensors::create(add(config, "input", path));
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_NE(dynamic_cast<const ImageDataset*>(dataset->get()), nullptr);
  EXPECT_EQ((*dataset)->get(0).at("input").sum().item<float>(), 2);
}

TEST(SafetensorsTest, NamesTheFieldThatIsWrong) {
  const std::string path = golden_array_file("types.safetensors");
  config::Safetensors config;
  add(config, "x", path, "int46");
  expect_refused(config, "tensors[0].array", {"no tensor \"int46\"", "did you mean \"int64\"?"});
  config.Clear();
  add(config, "f8", path);
  expect_refused(config, "tensors[0].array", {"F8_E4M3"});
  config.Clear();
  add(add(config, "int8", path), "scalar", path);
  expect_refused(config, "tensors[1]", {"tensor \"scalar\" is a single number"});
  config.Clear();
  add(config, "x", make_folder() + "/none");
  expect_refused(config, "tensors[0].file", {"/none: "});
  config.Clear();
  const std::string damaged = make_folder() + "/a.safetensors";
  write_file(damaged, "hello");
  add(config, "x", damaged);
  expect_refused(config, "tensors[0].file", {damaged + ": byte 0:"});
}

}  // namespace
}  // namespace composer
