#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/base/status.h"
#include "composer/data/from_config.h"
#include "composer/data/image_dataset.h"
#include "google/protobuf/text_format.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

constexpr char kGolden[] = "tests/golden/data/cifar";

absl::StatusOr<std::shared_ptr<Dataset>> build(const std::string& text) {
  config::Dataset config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &config)) << text;
  return build_dataset(config);
}

std::shared_ptr<Dataset> golden(const std::string& version, const std::string& fields) {
  auto dataset =
      build(absl::StrCat(version, " { dir: '", kGolden, "/", version, "' ", fields, " }"));
  EXPECT_TRUE(dataset.ok()) << dataset.status();
  return dataset.value();
}

// What torchvision read: see tests/golden/data/cifar.py.
TEST(CifarTest, AgreesWithTorchvision) {
  std::ifstream file(absl::StrCat(kGolden, "/cifar.txt"));
  ASSERT_TRUE(file.good());
  int checked = 0;
  for (std::string line; std::getline(file, line); ++checked) {
    SCOPED_TRACE(line);
    const std::vector<std::string> values = absl::StrSplit(line, ' ');
    const std::vector<std::string> key = absl::StrSplit(values[0], '.');
    const std::string split = key[2] == "train" ? "split: TRAIN" : "split: TEST";
    const bool coarse = key[0] == "coarse";
    const auto dataset = golden(key[1], split + (coarse ? " labels: COARSE" : ""));
    if (key[0] == "input") {
      const at::Tensor input = dataset->get(std::stoll(key[3])).at("input");
      ASSERT_EQ(input.sizes(), (at::IntArrayRef{3, 32, 32}));
      ASSERT_EQ(values.size(), 9u);
      for (int i = 0; i < 8; ++i) {
        float expected;
        ASSERT_TRUE(absl::SimpleAtof(values[1 + i], &expected));
        EXPECT_EQ(input[std::stoll(key[4])][11][20 + i].item<float>(), expected);
      }
    } else {
      ASSERT_EQ(dataset->size(), static_cast<int64_t>(values.size()) - 1);
      for (int64_t i = 0; i < dataset->size(); ++i) {
        EXPECT_EQ(absl::StrCat(dataset->get(i).at("target").item<int64_t>()), values[1 + i]);
      }
    }
  }
  EXPECT_EQ(checked, 39);
}

TEST(CifarTest, ShowsItsBytesToTransforms) {
  const auto dataset = golden("cifar100", "mean: 0.5 std: [0.25, 0.5, 1]");
  EXPECT_EQ(dataset->name(), "cifar100 (train)");
  const auto& images = dynamic_cast<const ImageDataset&>(*dataset);
  std::vector<uint8_t> storage;
  const ImageView view = images.image(1, storage);
  std::ifstream file(absl::StrCat(kGolden, "/cifar100/train.bin"), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(view.data[2 * view.channel_stride + 31 * view.row_stride + 31 * view.column_stride],
            static_cast<uint8_t>(bytes.back()));
  EXPECT_EQ(images.statistics().mean, (std::vector<double>{0.5, 0.5, 0.5}));
  EXPECT_EQ(images.statistics().std, (std::vector<double>{0.25, 0.5, 1}));
  EXPECT_THROW(images.image(2, storage), c10::IndexError);
  EXPECT_THROW(images.get_batch({0, -1}), c10::IndexError);
}

class CifarFilesTest : public testing::Test {
 protected:
  void expect_refused(const std::string& text, const std::string& field,
                      const std::vector<std::string>& parts) {
    const absl::Status status = build(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(field_of(status), field) << status;
    for (const std::string& part : parts) {
      EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
    }
  }

  const std::string dir_ = make_folder();
  const std::string cifar10_ = absl::StrCat("cifar10 { dir: '", dir_, "' split: TEST }");
  const std::string record_ = "\x03" + std::string(3072, 'x');
};

TEST_F(CifarFilesTest, NamesAMissingFolderOrFile) {
  expect_refused(cifar10_, "cifar10.dir", {dir_ + " has no test_batch.bin"});
  expect_refused("cifar10 { dir: '/nowhere' }", "cifar10.dir", {"there is no folder /nowhere"});
  std::filesystem::create_directory(dir_ + "/cifar-10-batches-bin");
  write_file(dir_ + "/cifar-10-batches-bin/test_batch.bin", record_);
  expect_refused(cifar10_, "cifar10.dir", {"; " + dir_ + "/cifar-10-batches-bin has it"});
}

TEST_F(CifarFilesTest, KnowsThePythonVersion) {
  write_file(dir_ + "/data_batch_1", "pickle");
  write_file(dir_ + "/train", "pickle");
  expect_refused(cifar10_, "cifar10.dir", {"this is CIFAR's Python version"});
  expect_refused(absl::StrCat("cifar100 { dir: '", dir_, "' }"), "cifar100.dir",
                 {"has no train.bin", "this is CIFAR's Python version"});
}

TEST_F(CifarFilesTest, NamesTheDamage) {
  write_file(dir_ + "/test_batch.bin", record_ + record_.substr(0, 100));
  expect_refused(cifar10_, "cifar10.dir",
                 {dir_ + "/test_batch.bin: byte 3173: expected records of 3073 bytes"});
  write_file(dir_ + "/test_batch.bin", record_ + "\x0a" + record_.substr(1));
  expect_refused(cifar10_, "cifar10.dir",
                 {"test_batch.bin: record 1, byte 3073: expected a label of 0 to 9, found 10"});
  write_file(dir_ + "/test_batch.bin", "");
  expect_refused(cifar10_, "cifar10.dir", {"the file is empty"});
}

TEST_F(CifarFilesTest, RefusesAFileThatIsShorterThanTheOthers) {
  for (int i = 1; i <= 5; ++i) {
    write_file(absl::StrCat(dir_, "/data_batch_", i, ".bin"), i == 4 ? record_ : record_ + record_);
  }
  expect_refused(absl::StrCat("cifar10 { dir: '", dir_, "' }"), "cifar10.dir",
                 {"data_batch_4.bin has 1 records, but data_batch_1.bin has 2"});
}

TEST_F(CifarFilesTest, RefusesStatisticsThatDoNotFit) {
  const auto with = [](const std::string& fields) {
    return absl::StrCat("cifar10 { dir: '", kGolden, "/cifar10' ", fields, " }");
  };
  expect_refused(with("mean: [1, 2]"), "cifar10.mean", {"2 values; the images have 3 channels"});
  expect_refused(with("std: [1, 1, 0]"), "cifar10.std[2]", {"std is 0; it must be above 0"});
  expect_refused(with("mean: inf"), "cifar10.mean[0]", {"finite"});
}

}  // namespace
}  // namespace composer
