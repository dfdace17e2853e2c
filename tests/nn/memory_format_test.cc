#include "composer/nn/memory_format.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace composer {
namespace {

TEST(MemoryFormatTest, OperatorsSeeTheFormatWhateverTheSizes) {
  for (const auto format : {at::MemoryFormat::ChannelsLast, at::MemoryFormat::Contiguous}) {
    for (const int64_t channels : {1, 3}) {
      for (const int64_t size : {1, 5}) {
        const at::Tensor images = at::randn({2, channels, size, size});
        for (const at::Tensor& given : {images, images.contiguous(at::MemoryFormat::ChannelsLast),
                                        in_memory_format(images, at::MemoryFormat::ChannelsLast)}) {
          const at::Tensor result = in_memory_format(given, format);
          EXPECT_TRUE(result.equal(images));
          const at::Tensor weight = at::randn({4, channels, 3, 3}).contiguous(format);
          const at::Tensor output = at::conv2d(result, weight, {}, 1, 1);
          // A single pixel has no order.
          EXPECT_TRUE(size == 1 || output.suggest_memory_format() == format) << channels;
        }
      }
    }
  }
}

TEST(MemoryFormatTest, WhatIsInTheFormatIsNotCopied) {
  const at::Tensor grey = at::randn({2, 1, 4, 5});
  EXPECT_EQ(in_memory_format(grey, at::MemoryFormat::ChannelsLast).const_data_ptr(),
            grey.const_data_ptr());
  const at::Tensor last = at::randn({2, 3, 4, 5}).contiguous(at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(in_memory_format(last, at::MemoryFormat::ChannelsLast).const_data_ptr(),
            last.const_data_ptr());
}

}  // namespace
}  // namespace composer
