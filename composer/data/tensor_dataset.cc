#include "composer/data/tensor_dataset.h"

#include <c10/util/Exception.h>

#include <utility>

#include "composer/data/gather.h"

namespace composer {

TensorDataset::TensorDataset(TensorDict tensors, std::string name) : name_(std::move(name)) {
  TORCH_CHECK_VALUE(!tensors.empty(), "a TensorDataset needs at least one tensor");
  for (const auto& [key, tensor] : tensors) {
    TORCH_CHECK_VALUE(tensor.defined() && tensor.dim() > 0, "the tensor \"", key,
                      "\" of a TensorDataset needs a first dimension that counts samples");
    if (tensors_.empty()) size_ = tensor.size(0);
    TORCH_CHECK_VALUE(tensor.size(0) == size_, "the tensors of a TensorDataset disagree: \"", key,
                      "\" has ", tensor.size(0), " samples, those before it ", size_);
    tensors_.set(key, tensor.detach());
  }
}

Batch TensorDataset::get_batch(absl::Span<const int64_t> indices) const {
  Batch batch;
  for (const auto& [key, tensor] : tensors_) batch.set(key, gather_rows(tensor, indices));
  return batch;
}

}  // namespace composer
