#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>

#include "composer/data/image.h"

namespace composer {

/// The tensors of tests/golden/data/NAME.safetensors; a failure of the test when there are none.
std::map<std::string, at::Tensor> golden_images(const std::string& name);

/// A copy of an image, byte [channels, height, width], in one of the orders that images have.
class ImageBytes {
 public:
  ImageBytes(const at::Tensor& image, bool interleaved);

  ImageView view() const { return view_; }

 private:
  at::Tensor bytes_;
  ImageView view_;
};

/// Byte [channels, height, width].
at::Tensor to_tensor(const ImageView& view);

}  // namespace composer
