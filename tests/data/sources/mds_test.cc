#include "composer/data/sources/mds.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/sources/mds_stream.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/idx_files.h"
#include "tests/data/formats/mds_files.h"

namespace composer {
namespace {

config::Mds folder_config(const std::string& dir) {
  config::Mds config;
  config.set_dir(dir);
  return config;
}

config::Mds& add(config::Mds& config, const std::string& column, const std::string& tensor = "") {
  config::Mds::Column& chosen = *config.add_columns();
  chosen.set_column(column);
  if (!tensor.empty()) chosen.set_tensor(tensor);
  return config;
}

config::Mds image_config(const std::string& folder) {
  config::Mds config = folder_config(golden_mds(folder));
  return add(add(config, "image", "input"), "class", "target");
}

std::shared_ptr<Dataset> made(const config::Mds& config) {
  auto dataset = Mds::create(config);
  if (!dataset.ok()) {
    ADD_FAILURE() << dataset.status();
    return nullptr;
  }
  return *std::move(dataset);
}

std::string bytes_of(const at::Tensor& tensor) {
  return std::string(static_cast<const char*>(tensor.const_data_ptr()),
                     tensor.numel() * tensor.element_size());
}

void expect_refused(const config::Mds& config, const std::string& field,
                    const std::vector<std::string>& parts) {
  const absl::Status status = Mds::create(config).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(field_of(status), field) << status;
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
  }
}

TEST(MdsTest, GivesWhatStreamingReads) {
  const std::map<std::string, at::ScalarType> types = {
      {"uint8", at::kByte},    {"int8", at::kChar},      {"uint16", at::kUInt16},
      {"int16", at::kShort},   {"uint32", at::kUInt32},  {"int32", at::kInt},
      {"uint64", at::kUInt64}, {"int64", at::kLong},     {"float16", at::kHalf},
      {"float32", at::kFloat}, {"float64", at::kDouble},
  };
  for (const char* name : {"numbers", "numbers_zstd"}) {
    const auto dataset = made(folder_config(golden_mds(name)));
    ASSERT_NE(dataset, nullptr);
    ASSERT_EQ(dataset->size(), 5);
    for (const GoldenValue& golden : golden_values(name, 95)) {
      SCOPED_TRACE(golden.column);
      const TensorDict sample = dataset->get(golden.sample);
      EXPECT_EQ(sample.size(), 19u);
      const at::Tensor& tensor = sample.at(golden.column);
      EXPECT_EQ(tensor.sizes().vec(), golden.shape);
      if (golden.column == "text" || golden.column == "object") {
        EXPECT_EQ(tensor.scalar_type(), at::kLong);
        EXPECT_EQ(bytes_of(tensor.to(at::kByte)), golden.bytes);
      } else {
        EXPECT_EQ(tensor.scalar_type(), golden.type == "bytes" ? at::kByte : types.at(golden.type));
        EXPECT_EQ(bytes_of(tensor), golden.bytes);
      }
    }
  }
}

TEST(MdsTest, ChoosesAndRenamesColumns) {
  config::Mds config = folder_config(golden_mds("numbers"));
  const auto dataset = made(add(add(config, "uint16", "target"), "fixed", "input"));
  ASSERT_NE(dataset, nullptr);
  EXPECT_EQ(dataset->name(), "mds (" + golden_mds("numbers") + ")");
  const Batch batch = dataset->get_batch({4, 0, 1});
  ASSERT_EQ(batch.size(), 2u);
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{3, 2, 3}));
  EXPECT_EQ(batch.at("input").scalar_type(), at::kShort);
  // Models take int64.
  EXPECT_TRUE(at::equal(batch.at("target"), at::tensor({0, 65535, 0}, at::kLong)));
  EXPECT_THROW(dataset->get(5), c10::IndexError);
  EXPECT_THROW(dataset->get(-1), c10::IndexError);
}

TEST(MdsTest, DecodesImages) {
  for (const char* name : {"jpeg", "png", "pil"}) {
    SCOPED_TRACE(name);
    const auto dataset = made(image_config(name));
    ASSERT_NE(dataset, nullptr);
    const auto* images = dynamic_cast<const ImageDataset*>(dataset.get());
    ASSERT_NE(images, nullptr);
    EXPECT_EQ(images->statistics().mean, (std::vector<double>{0.485, 0.456, 0.406}));
    EXPECT_TRUE(at::equal(images->companions({3, 1}).at("target"), at::tensor({9, 3}, at::kLong)));
    size_t checked = 0;
    for (const GoldenValue& golden : golden_values(name, 8)) {
      if (golden.column != "image") continue;
      std::vector<uint8_t> storage;
      const ImageView image = images->image(golden.sample, storage);
      EXPECT_EQ(image.channels, 3);
      EXPECT_EQ(image.height, golden.shape[0]);
      EXPECT_EQ(image.width, golden.shape[1]);
      std::string pixels;
      for (int64_t y = 0; y < image.height; ++y) {
        for (int64_t x = 0; x < image.width; ++x) {
          for (int64_t c = 0; c < 3; ++c) {
            pixels.push_back(
                static_cast<char>(image.data[c * image.channel_stride + y * image.row_stride +
                                             x * image.column_stride]));
          }
        }
      }
      EXPECT_EQ(pixels, golden.bytes);
      ++checked;
    }
    EXPECT_EQ(checked, 4u);
  }
}

TEST(MdsTest, GivesNormalisedSamples) {
  config::Mds config = image_config("png");
  config.add_mean(0.5);
  config.add_std(0.25);
  const auto dataset = made(config);
  ASSERT_NE(dataset, nullptr);
  for (const GoldenValue& golden : golden_values("png", 8)) {
    if (golden.column != "image") continue;
    const TensorDict sample = dataset->get(golden.sample);
    at::Tensor expected = at::empty(golden.shape, at::kByte);
    std::copy(golden.bytes.begin(), golden.bytes.end(), expected.mutable_data_ptr<uint8_t>());
    expected = expected.permute({2, 0, 1}).to(at::kFloat).div(255).sub(0.5).div(0.25);
    EXPECT_TRUE(at::allclose(sample.at("input"), expected, 1e-5, 1e-5));
    EXPECT_EQ(sample.at("target").item<int64_t>(), golden.sample * 3);
  }
}

TEST(MdsTest, MakesImagesGrey) {
  for (const char* name : {"png", "pil"}) {
    config::Mds config = image_config(name);
    config.set_channels(1);
    const auto dataset = made(config);
    ASSERT_NE(dataset, nullptr);
    const auto& images = dynamic_cast<const ImageDataset&>(*dataset);
    std::vector<uint8_t> storage;
    for (const GoldenValue& golden : golden_values(name, 8)) {
      if (golden.column != "image") continue;
      const ImageView image = images.image(golden.sample, storage);
      ASSERT_EQ(image.channels, 1);
      const auto* rgb = reinterpret_cast<const uint8_t*>(golden.bytes.data()) + 3;
      const double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
      EXPECT_NEAR(image.data[image.column_stride], luma, 0.51);
    }
  }
}

TEST(MdsTest, NamesTheFieldThatIsWrong) {
  expect_refused(folder_config("/nowhere"), "dir", {"/nowhere/index.json"});
  config::Mds config = folder_config(golden_mds("numbers"));
  expect_refused(add(config, "txt"), "columns[0].column",
                 {"no column \"txt\"", "did you mean \"text\"?"});
  config = folder_config(golden_mds("numbers"));
  expect_refused(add(add(config, "int8", "x"), "int16", "x"), "columns[1]",
                 {"two columns become the tensor \"x\""});
  config = folder_config(golden_mds("numbers"));
  config.set_channels(3);
  expect_refused(config, "channels", {"is for images"});
  config.clear_channels();
  config.add_mean(0.5);
  expect_refused(config, "mean", {"is for images"});
  config = image_config("png");
  config.set_channels(2);
  expect_refused(config, "channels", {"1 for grey or 3 for RGB"});
  config = image_config("png");
  config.add_std(0);
  expect_refused(config, "std[0]", {});
}

TEST(MdsTest, SaysThatAnImageBecomesTheInput) {
  expect_refused(folder_config(golden_mds("png")), "columns",
                 {"\"image\" is an image", "columns { column: \"image\" tensor: \"input\" }"});
  config::Mds config = folder_config(golden_mds("png"));
  expect_refused(add(config, "image"), "columns[0]", {"can only become the tensor \"input\""});
}

TEST(MdsTest, RefusesEncodingsByColumn) {
  const std::string dir = copy_of_golden_mds("png");
  replace_in_file(dir + "/index.json", "\"png\"", "\"pkl\"");
  expect_refused(folder_config(dir), "columns", {"column \"image\"", "pickle"});
  // Other columns can be read.
  config::Mds config = folder_config(dir);
  const auto dataset = made(add(config, "class", "target"));
  ASSERT_NE(dataset, nullptr);
  EXPECT_EQ(dataset->get(2).at("target").item<int64_t>(), 6);
}

TEST(MdsTest, NamesTheSampleThatIsDamaged) {
  const std::string dir = copy_of_golden_mds("png");
  const std::string path = dir + "/shard.00000.mds";
  replace_in_file(path, "IHDR", "IHDX");
  config::Mds config = folder_config(dir);
  const auto dataset = made(add(add(config, "image", "input"), "class"));
  ASSERT_NE(dataset, nullptr);
  try {
    dataset->get(1);
    FAIL() << "the image is damaged";
  } catch (const StatusError& error) {
    EXPECT_EQ(error.status().code(), absl::StatusCode::kDataLoss) << error.what();
    EXPECT_TRUE(absl::StrContains(error.what(), path + ", sample 1, column \"image\": "))
        << error.what();
  }
}

TEST(MdsTest, VerifiesHashesWhenAsked) {
  config::Mds config = folder_config(golden_mds("numbers_zstd"));
  config.set_verify(true);
  EXPECT_EQ(made(config)->get(4).at("int").item<int64_t>(), 42);
  config.set_dir(golden_mds("numbers"));
  EXPECT_THROW(made(config)->get(0), StatusError);
}

TEST(MdsStreamTest, GivesTheSamplesShardByShard) {
  for (const config::Mds& config :
       {folder_config(golden_mds("numbers_zstd")), image_config("pil")}) {
    const auto dataset = made(config);
    const auto stream = MdsStream::create(config);
    ASSERT_TRUE(stream.ok()) << stream.status();
    EXPECT_EQ((*stream)->name(), dataset->name());
    ASSERT_GE((*stream)->num_files(), 2);
    int64_t sample = 0;
    for (int64_t file = 0; file < (*stream)->num_files(); ++file) {
      const auto reader = (*stream)->open(file);
      int64_t records = 0;
      while (const std::optional<TensorDict> record = reader->next()) {
        const TensorDict expected = dataset->get(sample++);
        ASSERT_EQ(record->size(), expected.size());
        for (const auto& [name, tensor] : expected) {
          EXPECT_TRUE(at::equal(record->at(name), tensor)) << name;
        }
        ++records;
      }
      EXPECT_EQ((*stream)->num_records(file), records);
      EXPECT_FALSE(reader->next().has_value());
    }
    EXPECT_EQ(sample, dataset->size());
  }
}

TEST(MdsStreamTest, PassesOverRecords) {
  const auto stream = MdsStream::create(folder_config(golden_mds("numbers")));
  ASSERT_TRUE(stream.ok()) << stream.status();
  const int64_t records = *(*stream)->num_records(0);
  ASSERT_GE(records, 2);
  const auto reader = (*stream)->open(0);
  EXPECT_EQ(reader->skip(1), 1);
  EXPECT_EQ(reader->next()->at("int").item<int64_t>(), -1);
  EXPECT_EQ(reader->skip(1'000'000), records - 2);
  EXPECT_FALSE(reader->next().has_value());
}

TEST(MdsStreamTest, IsRegisteredBesideTheDataset) {
  EXPECT_TRUE(Registry<IterableDataset>::global().find("Mds").ok());
  EXPECT_TRUE(Registry<Dataset>::global().find("Mds").ok());
}

}  // namespace
}  // namespace composer
