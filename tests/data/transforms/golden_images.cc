#include "tests/data/transforms/golden_images.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "composer/checkpoint/safetensors.h"

namespace composer {

std::map<std::string, at::Tensor> golden_images(const std::string& name) {
  const auto file = read_safetensors("tests/golden/data/" + name + ".safetensors");
  if (!file.ok()) {
    ADD_FAILURE() << file.status();
    return {};
  }
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [key, tensor] : file->tensors) tensors[key] = tensor;
  return tensors;
}

ImageBytes::ImageBytes(const at::Tensor& image, bool interleaved)
    : bytes_((interleaved ? image.permute({1, 2, 0}) : image).contiguous()) {
  const auto* const data = bytes_.const_data_ptr<uint8_t>();
  view_ = interleaved ? interleaved_image(data, image.size(0), image.size(1), image.size(2))
                      : planar_image(data, image.size(0), image.size(1), image.size(2));
}

at::Tensor to_tensor(const ImageView& view) {
  at::Tensor out = at::empty({view.channels, view.height, view.width}, at::kByte);
  auto pixels = out.accessor<uint8_t, 3>();
  for (int64_t c = 0; c < view.channels; ++c) {
    for (int64_t y = 0; y < view.height; ++y) {
      for (int64_t x = 0; x < view.width; ++x) {
        pixels[c][y][x] =
            view.data[c * view.channel_stride + y * view.row_stride + x * view.column_stride];
      }
    }
  }
  return out;
}

}  // namespace composer
