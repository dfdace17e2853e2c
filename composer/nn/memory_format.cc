#include "composer/nn/memory_format.h"

#include <vector>

namespace composer {

at::Tensor in_memory_format(const at::Tensor& images, at::MemoryFormat format) {
  const at::Tensor converted = images.contiguous(format);
  if (converted.suggest_memory_format() == format) return converted;
  const at::IntArrayRef size = converted.sizes();
  const std::vector<int64_t> strides =
      format == at::MemoryFormat::ChannelsLast
          ? c10::get_channels_last_strides_2d(size)
          : std::vector<int64_t>{size[1] * size[2] * size[3], size[2] * size[3], size[3], 1};
  return converted.as_strided(size, strides);
}

}  // namespace composer
