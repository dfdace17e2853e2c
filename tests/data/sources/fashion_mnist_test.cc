#include "composer/data/sources/fashion_mnist.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <numeric>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "proto/dataset.pb.h"
#include "tests/data/formats/idx_files.h"

namespace composer {
namespace {

config::FashionMnist split_config(const std::string& split) {
  config::FashionMnist config;
  config.set_split(split == "train" ? config::TRAIN : config::TEST);
  return config;
}

const FashionMnist& real(const std::string& split) {
  static auto& loaded = *new std::map<std::string, std::shared_ptr<FashionMnist>>;
  auto& dataset = loaded[split];
  if (dataset == nullptr) {
    auto created = FashionMnist::create(split_config(split));
    if (!created.ok()) ADD_FAILURE() << created.status();
    dataset = created.value();
  }
  return *dataset;
}

Batch all_of(const Dataset& dataset, int64_t first, int64_t count) {
  std::vector<int64_t> indices(count);
  std::iota(indices.begin(), indices.end(), first);
  return dataset.get_batch(indices);
}

int64_t pixel_sum(const at::Tensor& input) {
  const at::Tensor pixels = input.mul(0.3530 * 255).add_(0.2860 * 255).round_();
  return static_cast<int64_t>(pixels.sum(at::kDouble).item<double>());
}

// What torchvision read: see tests/golden/data/fashion_mnist.py.
TEST(FashionMnistTest, AgreesWithTorchvision) {
  std::ifstream golden("tests/golden/data/fashion_mnist.txt");
  ASSERT_TRUE(golden.good());
  int checked = 0;
  for (std::string line; std::getline(golden, line);) {
    SCOPED_TRACE(line.substr(0, line.find(' ')));
    std::istringstream stream(line.substr(line.find(' ')));
    const std::vector<std::string> values(std::istream_iterator<std::string>(stream), {});
    std::vector<std::string> key;
    std::istringstream name(line.substr(0, line.find(' ')));
    for (std::string part; std::getline(name, part, '.');) key.push_back(part);
    const FashionMnist& dataset = real(key[1]);
    ++checked;
    if (key[0] == "label_counts") {
      const at::Tensor labels = all_of(dataset, 0, dataset.size()).at("target");
      const at::Tensor counts = at::bincount(labels);
      ASSERT_EQ(counts.size(0), static_cast<int64_t>(values.size()));
      for (int64_t i = 0; i < counts.size(0); ++i) {
        EXPECT_EQ(absl::StrCat(counts[i].item<int64_t>()), values[i]);
      }
    } else if (key[0] == "pixel_total") {
      int64_t total = 0;
      for (int64_t first = 0; first < dataset.size(); first += 10000) {
        total += pixel_sum(all_of(dataset, first, 10000).at("input"));
      }
      EXPECT_EQ(absl::StrCat(total), values[0]);
    } else {
      const TensorDict sample = dataset.get(std::atoll(key[2].c_str()));
      if (key[0] == "label") {
        EXPECT_EQ(absl::StrCat(sample.at("target").item<int64_t>()), values[0]);
      } else if (key[0] == "pixel_sum") {
        EXPECT_EQ(absl::StrCat(pixel_sum(sample.at("input"))), values[0]);
      } else {
        ASSERT_EQ(key[0], "input");
        const at::Tensor pixels = sample.at("input").flatten().slice(0, 300, 340);
        ASSERT_EQ(values.size(), 40u);
        for (int64_t i = 0; i < 40; ++i) {
          float expected;
          ASSERT_TRUE(absl::SimpleAtof(values[i], &expected));
          EXPECT_EQ(pixels[i].item<float>(), expected) << i;
        }
      }
    }
  }
  EXPECT_EQ(checked, 28);
}

TEST(FashionMnistTest, GivesNormalisedBatchesInTheOrderOfTheIndices) {
  const FashionMnist& dataset = real("train");
  EXPECT_EQ(dataset.size(), 60000);
  EXPECT_EQ(dataset.name(), "fashion_mnist (train)");
  const Batch batch = dataset.get_batch({59999, 0, 7, 0});
  EXPECT_EQ(batch.num_samples(), 4);
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{4, 1, 28, 28}));
  EXPECT_EQ(batch.at("input").scalar_type(), at::kFloat);
  EXPECT_EQ(batch.at("target").scalar_type(), at::kLong);
  const std::vector<int64_t> indices = {59999, 0, 7, 0};
  for (int64_t i = 0; i < 4; ++i) {
    const TensorDict sample = dataset.get(indices[i]);
    EXPECT_TRUE(at::equal(batch.at("input")[i], sample.at("input")));
    EXPECT_TRUE(at::equal(batch.at("target")[i], sample.at("target")));
  }
}

TEST(FashionMnistTest, IsNormalisedByDefault) {
  const Batch all = all_of(real("train"), 0, 60000);
  const at::Tensor input = all.at("input");
  EXPECT_NEAR(input.mean().item<double>(), 0, 1e-3);
  EXPECT_NEAR(input.std().item<double>(), 1, 1e-3);
}

TEST(FashionMnistTest, UsesTheMeanAndDeviationOfTheConfig) {
  config::FashionMnist config = split_config("test");
  config.set_mean(0);
  config.set_std(0.5);
  const auto dataset = FashionMnist::create(config);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->get(0).at("input").max().item<float>(), 2.0f);
  for (const double std : {0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    config.set_std(std);
    EXPECT_EQ(field_of(FashionMnist::create(config).status()), "std");
  }
}

TEST(FashionMnistTest, ThrowsForAnIndexOutOfRange) {
  EXPECT_THROW(real("test").get(10000), c10::IndexError);
  EXPECT_THROW(real("test").get_batch({0, -1}), c10::IndexError);
}

class FashionMnistFilesTest : public testing::Test {
 protected:
  FashionMnistFilesTest() {
    write_file(images_, gzip(idx_header({3, 28, 28}) + std::string(3 * 784, 'a')));
    write_file(labels_, gzip(idx_header({3}) + std::string("\0\1\x09", 3)));
  }

  absl::StatusOr<std::shared_ptr<FashionMnist>> create() {
    config::FashionMnist config;
    config.set_dir(folder_);
    return FashionMnist::create(config);
  }

  void expect_refused(const std::vector<std::string>& parts) {
    const absl::Status status = create().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(field_of(status), "dir");
    for (const std::string& part : parts) {
      EXPECT_TRUE(absl::StrContains(status.message(), part)) << status << " lacks " << part;
    }
    EXPECT_FALSE(absl::StrContains(status.message(), "apt-get")) << status;
  }

  const std::string folder_ = make_folder();
  const std::string images_ = folder_ + "/train-images-idx3-ubyte.gz";
  const std::string labels_ = folder_ + "/train-labels-idx1-ubyte.gz";
};

TEST_F(FashionMnistFilesTest, ReadsAnyFolderOfThatForm) {
  const auto dataset = create();
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ((*dataset)->size(), 3);
  EXPECT_EQ((*dataset)->get(2).at("target").item<int64_t>(), 9);
}

TEST_F(FashionMnistFilesTest, ReadsUncompressedFiles) {
  unlink(images_.c_str());
  write_file(folder_ + "/train-images-idx3-ubyte",
             idx_header({3, 28, 28}) + std::string(3 * 784, 'a'));
  EXPECT_TRUE(create().ok()) << create().status();
}

TEST_F(FashionMnistFilesTest, NamesAMissingFolderOrFile) {
  unlink(images_.c_str());
  expect_refused({folder_ + " has no train-images-idx3-ubyte.gz (or train-images-idx3-ubyte)"});
  unlink(labels_.c_str());
  rmdir(folder_.c_str());
  expect_refused({"there is no folder " + folder_});
}

TEST_F(FashionMnistFilesTest, RefusesATruncatedFile) {
  const std::string sound = gzip(idx_header({3, 28, 28}) + std::string(3 * 784, 'a'));
  write_file(images_, sound.substr(0, sound.size() - 12));
  expect_refused({images_ + ": byte " + std::to_string(sound.size() - 12), "truncated"});
}

TEST_F(FashionMnistFilesTest, RefusesFilesThatDisagree) {
  write_file(labels_, gzip(idx_header({2}) + "\1\1"));
  expect_refused({images_ + " has 3 images", labels_ + " has 2 labels"});
}

TEST_F(FashionMnistFilesTest, NamesTheSampleOfALabelOutOfRange) {
  write_file(labels_, gzip(idx_header({3}) + "\1\x0a\1"));
  expect_refused({labels_ + ": the label of sample 1 is 10; expected 0 to 9"});
}

TEST_F(FashionMnistFilesTest, RefusesImagesOfAnotherSize) {
  write_file(images_, gzip(idx_header({3, 28, 27}) + std::string(3 * 28 * 27, 'a')));
  expect_refused({images_, "28x28", "found 28x27"});
}

TEST_F(FashionMnistFilesTest, RefusesNoImagesAtAll) {
  write_file(images_, gzip(idx_header({0, 28, 28})));
  write_file(labels_, gzip(idx_header({0})));
  expect_refused({images_ + " has no images"});
}

}  // namespace
}  // namespace composer
