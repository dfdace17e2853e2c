#include "composer/data/workers/recycled_memory.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <optional>
#include <thread>

namespace composer {
namespace {

TEST(RecycledMemoryTest, GivesMemoryAgainOnceNobodyHasIt) {
  const RecycledMemory memory;
  at::Tensor first = memory.empty({4, 3, 8, 8}, at::MemoryFormat::Contiguous);
  const void* where = first.data_ptr();
  at::Tensor view = first[2].narrow(0, 1, 1);
  first.reset();
  const at::Tensor second = memory.empty({4, 3, 8, 8}, at::MemoryFormat::Contiguous);
  EXPECT_NE(second.data_ptr(), where) << "a view still had it";
  view.reset();
  // A smaller batch fits too.
  at::Tensor third = memory.empty({2, 3, 8, 8}, at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(third.data_ptr(), where);
  third.reset();
  EXPECT_NE(memory.empty({40, 3, 8, 8}, at::MemoryFormat::Contiguous).data_ptr(), where);
}

TEST(RecycledMemoryTest, GivesTensorsLikeAnyOther) {
  const RecycledMemory memory;
  const at::Tensor rows = memory.empty({2, 3, 4, 5}, at::MemoryFormat::Contiguous);
  const at::Tensor pixels = memory.empty({2, 3, 4, 5}, at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(rows.strides(), at::empty({2, 3, 4, 5}).strides());
  EXPECT_EQ(pixels.strides(),
            at::empty({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast).strides());
  EXPECT_EQ(rows.scalar_type(), at::kFloat);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(rows.data_ptr()) % 64, 0u);
}

TEST(RecycledMemoryTest, TensorsMayOutliveItAndBeFreedElsewhere) {
  std::optional<RecycledMemory> memory(std::in_place);
  at::Tensor kept = memory->empty({1, 1, 2, 2}, at::MemoryFormat::Contiguous);
  at::Tensor freed = memory->empty({1, 1, 2, 2}, at::MemoryFormat::Contiguous);
  std::thread([&] { freed.reset(); }).join();
  memory.reset();
  kept.fill_(3);
  EXPECT_EQ(kept.sum().item<float>(), 12);
}

}  // namespace
}  // namespace composer
