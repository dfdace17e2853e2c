#include "composer/data/sources/mnist.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/from_config.h"
#include "google/protobuf/text_format.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

// Three images of 2x3 pixels; the tests' files are not compressed.
class MnistTest : public testing::Test {
 protected:
  MnistTest() {
    write_file(dir_ + "/train-images-idx3-ubyte.gz",
               gzip(idx_header({3, 2, 3}) + "abcdefghijklmnopqr"));
    write_file(dir_ + "/train-labels-idx1-ubyte.gz", gzip(idx_header({3}) + "\1\xff\7"));
    write_file(dir_ + "/t10k-images-idx3-ubyte", idx_header({1, 2, 3}) + "ABCDEF");
    write_file(dir_ + "/t10k-labels-idx1-ubyte", idx_header({1}) + "\3");
  }

  absl::StatusOr<std::shared_ptr<Dataset>> build(const std::string& fields) {
    config::Dataset config;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        absl::StrCat("mnist { dir: '", dir_, "' ", fields, " }"), &config));
    return build_dataset(config);
  }

  const std::string dir_ = make_folder();
};

TEST_F(MnistTest, IsBuiltFromConfig) {
  const auto train = build("");
  ASSERT_TRUE(train.ok()) << train.status();
  EXPECT_EQ((*train)->size(), 3);
  EXPECT_EQ((*train)->name(), "mnist (train)");
  const Batch batch = (*train)->get_batch({1, 0});
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{2, 1, 2, 3}));
  EXPECT_EQ(batch.at("target")[0].item<int64_t>(), 255);
  EXPECT_EQ(batch.at("input")[0][0][1][2].item<float>(), ('l' / 255.0f - 0.1307f) / 0.3081f);

  const auto test = build("split: TEST mean: 0 std: 1");
  ASSERT_TRUE(test.ok()) << test.status();
  EXPECT_EQ((*test)->size(), 1);
  EXPECT_EQ((*test)->name(), "mnist (test)");
  EXPECT_EQ((*test)->get(0).at("input").flatten()[5].item<float>(), 'F' / 255.0f);
}

TEST_F(MnistTest, ShowsItsBytesToTransforms) {
  const auto dataset = build("mean: 0.25 std: 0.5");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const auto& images = dynamic_cast<const ImageDataset&>(**dataset);
  std::vector<uint8_t> storage;
  const ImageView view = images.image(2, storage);
  EXPECT_EQ(view.channels, 1);
  EXPECT_EQ(view.height, 2);
  EXPECT_EQ(view.width, 3);
  EXPECT_EQ(view.data[1 * view.row_stride + 2 * view.column_stride], 'r');
  EXPECT_EQ(images.statistics().mean, std::vector<double>{0.25});
  EXPECT_EQ(images.statistics().std, std::vector<double>{0.5});
  const Batch companions = images.companions({2, 0});
  EXPECT_EQ(companions.size(), 1u);
  EXPECT_TRUE(at::equal(companions.at("target"), at::tensor({7, 1}, at::kLong)));
  EXPECT_THROW(images.image(3, storage), c10::IndexError);
}

// The two ways to a batch are the same bits.
TEST_F(MnistTest, GivesTheBatchesOfThePipeline) {
  const auto dataset = build("");
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  const auto& images = dynamic_cast<const ImageDataset&>(**dataset);
  const Batch fast = images.get_batch({2, 0, 2});
  const Batch slow = images.ImageDataset::get_batch({2, 0, 2});
  EXPECT_TRUE(at::equal(fast.at("input"), slow.at("input")));
  EXPECT_TRUE(at::equal(fast.at("target"), slow.at("target")));
}

TEST_F(MnistTest, SaysWhichFieldIsWrong) {
  const auto expect = [&](const std::string& fields, const std::string& field) {
    const absl::Status status = build(fields).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(field_of(status), field) << status;
  };
  expect("std: 0", "mnist.std");
  expect("mean: nan", "mnist.mean");
  write_file(dir_ + "/t10k-labels-idx1-ubyte", idx_header({2}) + "\3");
  expect("split: TEST", "mnist.dir");
  write_file(dir_ + "/t10k-labels-idx1-ubyte", idx_header({1}) + "\3");
  write_file(dir_ + "/t10k-images-idx3-ubyte", idx_header({1, 0, 3}));
  expect("split: TEST", "mnist.dir");
}

}  // namespace
}  // namespace composer
