#include "composer/data/tensor_dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "composer/data/collate.h"
#include "composer/data/gather.h"

namespace composer {
namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(GatherRowsTest, EqualsIndexSelectInEveryMemoryOrder) {
  const at::Tensor base = at::arange(2 * 3 * 4 * 6, at::kFloat).view({6, 2, 3, 4});
  const std::vector<int64_t> indices = {5, 0, 0, 3};
  const at::Tensor selection = at::tensor(indices);
  for (const at::Tensor& rows :
       {base, base.contiguous(at::MemoryFormat::ChannelsLast), base.slice(3, 1, 3),
        base.transpose(0, 3), base.slice(0, 0, 6, 2).repeat({2, 1, 1, 1}), base.to(at::kBFloat16),
        base.to(at::kBool), at::arange(6), base.slice(1, 0, 0), base.expand({6, 2, 3, 4})}) {
    const at::Tensor gathered = gather_rows(rows, std::vector<int64_t>{3, 0, 0, 2});
    EXPECT_TRUE(at::equal(gathered, rows.index_select(0, at::tensor({3, 0, 0, 2}, at::kLong))))
        << rows.sizes() << rows.strides();
  }
  EXPECT_TRUE(at::equal(gather_rows(base, indices), base.index_select(0, selection)));
}

TEST(GatherRowsTest, KeepsChannelsLast) {
  const at::Tensor rows = at::rand({6, 2, 3, 4}).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_TRUE(gather_rows(rows, {1, 2}).is_contiguous(at::MemoryFormat::ChannelsLast));
}

TEST(GatherRowsTest, RefusesAnIndexOutOfRange) {
  EXPECT_THROW(gather_rows(at::rand({3}), {3}), c10::IndexError);
  EXPECT_THROW(gather_rows(at::rand({3}), {-1}), c10::IndexError);
}

TEST(TensorDatasetTest, GivesRowsByName) {
  const at::Tensor input = at::rand({5, 2});
  const at::Tensor target = at::arange(5);
  const TensorDataset dataset({{"input", input}, {"target", target}}, "mine");
  EXPECT_EQ(dataset.size(), 5);
  EXPECT_EQ(dataset.name(), "mine");
  const Batch batch = dataset.get_batch({4, 1, 4});
  EXPECT_TRUE(at::equal(batch.at("target"), at::tensor({4, 1, 4}, at::kLong)));
  EXPECT_TRUE(at::equal(batch.at("input")[1], input[1]));
  const TensorDict sample = dataset.get(3);
  EXPECT_TRUE(at::equal(sample.at("input"), input[3]));
  EXPECT_EQ(sample.at("target").dim(), 0);
}

TEST(TensorDatasetTest, GivesDataWithoutAGraph) {
  const TensorDataset dataset({{"input", at::rand({5, 2}).slice(1, 0, 1).requires_grad_()}});
  EXPECT_FALSE(dataset.get_batch({0}).at("input").requires_grad());
}

TEST(TensorDatasetTest, RefusesTensorsThatDisagree) {
  EXPECT_THROW(TensorDataset({}), c10::ValueError);
  EXPECT_THROW(TensorDataset({{"input", at::rand({})}}), c10::ValueError);
  const std::string message = message_of([] {
    TensorDataset({{"input", at::rand({5})}, {"target", at::rand({4})}});
  });
  EXPECT_NE(message.find("\"target\" has 4 samples, those before it 5"), std::string::npos)
      << message;
}

TEST(CollateTest, StacksByName) {
  const std::vector<TensorDict> samples = {
      {{"input", at::full({2}, 1.0)}, {"target", at::scalar_tensor(3, at::kLong)}},
      {{"target", at::scalar_tensor(4, at::kLong)}, {"input", at::full({2}, 2.0)}}};
  const Batch batch = collate(samples);
  EXPECT_EQ(batch.num_samples(), 2);
  EXPECT_TRUE(at::equal(batch.at("target"), at::tensor({3, 4}, at::kLong)));
  EXPECT_EQ(batch.at("input").sizes(), (at::IntArrayRef{2, 2}));
  EXPECT_TRUE(collate({}).empty());
}

TEST(CollateTest, NamesTheSampleAndTensorThatDiffer) {
  const TensorDict first = {{"input", at::rand({2})}};
  EXPECT_NE(message_of([&] {
              collate({first, {{"input", at::rand({3})}}});
            }).find("\"input\" of sample 1 of the batch is float [3]"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              collate({first, first, {{"other", at::rand({2})}}});
            }).find("sample 2 of the batch has no tensor \"input\"; it has other"),
            std::string::npos);
  EXPECT_THROW(collate({first, {}}), c10::ValueError);
  EXPECT_THROW(collate({first, {{"input", at::rand({2}, at::kDouble)}}}), c10::ValueError);
}

}  // namespace
}  // namespace composer
