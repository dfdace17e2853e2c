#include "composer/data/samplers/sample_weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "composer/base/status.h"
#include "composer/data/tensor_dataset.h"

namespace composer {
namespace {

absl::StatusOr<std::vector<double>> read(const std::string& text) {
  const std::string path = ::testing::TempDir() + "/weights.txt";
  std::ofstream(path, std::ios::binary) << text;
  return read_weights(path);
}

std::string error_of(const std::string& text) {
  const auto weights = read(text);
  EXPECT_EQ(weights.status().code(), absl::StatusCode::kInvalidArgument) << text;
  const std::string message(weights.status().message());
  return message.substr(message.find(": ") + 2);
}

TEST(ReadWeightsTest, ReadsANumberALine) {
  const std::vector<double> expected = {1, 0.5, 0, 2e-3};
  for (const char* text :
       {"1\n0.5\n0\n2e-3\n", "1\n0.5\n0\n2e-3", "\xef\xbb\xbf 1\r\n0.5\r\n0\r\n2e-3\r\n"}) {
    const auto weights = read(text);
    ASSERT_TRUE(weights.ok()) << weights.status();
    EXPECT_EQ(*weights, expected);
  }
  EXPECT_TRUE(read("")->empty());
}

TEST(ReadWeightsTest, SaysWhichLineIsNone) {
  EXPECT_EQ(error_of("1\n2\nx3\n"),
            "line 3: expected a weight (a finite number, 0 or above), found \"x3\"");
  EXPECT_EQ(error_of("1\n\n2\n"),
            "line 2: expected a weight (a finite number, 0 or above), found \"\"");
  EXPECT_EQ(error_of("-1"),
            "line 1: expected a weight (a finite number, 0 or above), found \"-1\"");
  EXPECT_EQ(error_of("nan"),
            "line 1: expected a weight (a finite number, 0 or above), found \"nan\"");
  EXPECT_EQ(error_of("1\ninf"),
            "line 2: expected a weight (a finite number, 0 or above), found \"inf\"");
  EXPECT_EQ(error_of("1 2"),
            "line 1: expected a weight (a finite number, 0 or above), found \"1 2\"");
  EXPECT_LT(error_of(std::string(100000, 'a')).size(), 200u);
}

TEST(ReadWeightsTest, SaysThatAFileIsMissing) {
  const absl::Status status = read_weights("/nowhere/weights.txt").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "/nowhere/weights.txt: cannot be opened");
}

// As numpy.save writes it, version 1.0.
std::string npy(const std::string& type, const std::string& shape, const std::string& bytes) {
  std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }";
  header.resize(117, ' ');
  return std::string("\x93NUMPY\x01\x00\x76\x00", 10) + header + "\n" + bytes;
}

template <typename Float>
absl::StatusOr<std::vector<double>> read_npy(const std::string& type, const std::string& shape,
                                             const std::vector<Float>& values) {
  const std::string path = ::testing::TempDir() + "/weights.npy";
  std::ofstream(path, std::ios::binary) << npy(
      type, shape,
      std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Float)));
  return read_weights(path);
}

TEST(ReadWeightsTest, ReadsAnArray) {
  const auto doubles = read_npy<double>("<f8", "(3,)", {1, 0.1, 0});
  ASSERT_TRUE(doubles.ok()) << doubles.status();
  EXPECT_EQ(*doubles, (std::vector<double>{1, 0.1, 0}));
  const auto floats = read_npy<float>("<f4", "(2,)", {1, 0.5});
  ASSERT_TRUE(floats.ok()) << floats.status();
  EXPECT_EQ(*floats, (std::vector<double>{1, 0.5}));
}

TEST(ReadWeightsTest, SaysWhatIsWrongWithAnArray) {
  const auto error = [](const auto& weights) {
    const std::string message(weights.status().message());
    return message.substr(message.find(": ") + 2);
  };
  EXPECT_EQ(error(read_npy<double>("<f8", "(3,)", {1, -2, 0})),
            "expected weights (finite numbers, 0 or above), found -2 at 1");
  EXPECT_EQ(error(read_npy<double>("<f8", "(1, 2)", {1, 2})),
            "expected weights, float64 or float32 [samples], found float64 [1, 2]");
  EXPECT_EQ(error(read_npy<int64_t>("<i8", "(2,)", {1, 2})),
            "expected weights, float64 or float32 [samples], found int64 [2]");
  EXPECT_FALSE(read_npy<double>("<f8", "(3,)", {1, 2}).ok());
}

TEST(WeightsByClassTest, LooksUpEachTarget) {
  const at::Tensor target = at::arange(2500).remainder(3);
  const TensorDataset dataset({{"input", at::zeros({2500, 2})}, {"target", target}});
  const auto weights = weights_by_class(dataset, {0.5, 0, 7});
  ASSERT_TRUE(weights.ok()) << weights.status();
  ASSERT_EQ(weights->size(), 2500u);
  for (size_t i = 0; i < 2500; ++i) {
    EXPECT_EQ((*weights)[i], i % 3 == 0 ? 0.5 : i % 3 == 1 ? 0 : 7) << i;
  }
}

// Samples of different lengths, which make no batch.
class Ragged final : public Dataset {
 public:
  int64_t size() const override { return 5; }
  TensorDict get(int64_t index) const override {
    return {{"input", at::zeros({index})}, {"target", at::scalar_tensor(index % 2, at::kInt)}};
  }
  std::string name() const override { return "ragged"; }
};

TEST(WeightsByClassTest, TakesSamplesThatMakeNoBatch) {
  EXPECT_EQ(weights_by_class(Ragged(), {1, 2}).value(), (std::vector<double>{1, 2, 1, 2, 1}));
}

TEST(WeightsByClassTest, SaysWhichTargetIsWrong) {
  const auto error = [](const TensorDict& tensors) {
    return std::string(weights_by_class(TensorDataset(tensors, "mine"), {1, 2}).status().message());
  };
  EXPECT_EQ(error({{"target", at::arange(3)}}),
            "mine: `target` of sample 2 is 2, but there are class_weights for 0 to 1");
  EXPECT_EQ(error({{"target", at::arange(3) - 1}}),
            "mine: `target` of sample 0 is -1, but there are class_weights for 0 to 1");
  EXPECT_EQ(error({{"target", at::zeros({3})}}),
            "mine: `target` of sample 0 is no integer; class_weights go by the number of a class");
  EXPECT_EQ(error({{"target", at::zeros({3, 2}, at::kLong)}}),
            "mine: `target` of sample 0 is no integer; class_weights go by the number of a class");
  EXPECT_EQ(error({{"input", at::zeros({3})}}),
            "mine: the samples have no `target`, by which class_weights go");
}

}  // namespace
}  // namespace composer
