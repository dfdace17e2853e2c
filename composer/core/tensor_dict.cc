#include "composer/core/tensor_dict.h"

#include <c10/util/Exception.h>

#include <algorithm>

#include "absl/strings/str_join.h"

namespace composer {

const at::Tensor& TensorDict::at(absl::string_view name) const {
  const at::Tensor* tensor = find(name);
  TORCH_CHECK_INDEX(
      tensor != nullptr, "there is no tensor \"", std::string(name), "\"; there are ",
      entries_.empty() ? "none" : absl::StrJoin(entries_, ", ", [](auto* out, auto& entry) {
        out->append(entry.first);
      }));
  return *tensor;
}

const at::Tensor* TensorDict::find(absl::string_view name) const {
  for (const Entry& entry : entries_) {
    if (entry.first == name) return &entry.second;
  }
  return nullptr;
}

void TensorDict::set(absl::string_view name, at::Tensor tensor) {
  for (Entry& entry : entries_) {
    if (entry.first == name) {
      entry.second = std::move(tensor);
      return;
    }
  }
  entries_.emplace_back(std::string(name), std::move(tensor));
}

void TensorDict::erase(absl::string_view name) {
  entries_.erase(std::remove_if(entries_.begin(), entries_.end(),
                                [&](const Entry& entry) { return entry.first == name; }),
                 entries_.end());
}

int64_t Batch::num_samples() const {
  int64_t samples = -1;
  for (const auto& [name, tensor] : *this) {
    if (tensor.dim() == 0) continue;
    if (samples < 0) samples = tensor.size(0);
    TORCH_CHECK_VALUE(tensor.size(0) == samples, "the tensors of a batch disagree on its size: \"",
                      name, "\" has ", tensor.size(0), " samples, those before it ", samples);
  }
  return std::max<int64_t>(samples, 0);
}

int64_t Batch::num_tokens() const {
  const at::Tensor* ids = find("input_ids");
  return ids == nullptr ? 0 : ids->numel();
}

absl::string_view Batch::input_name() const { return contains("input") ? "input" : "input_ids"; }

absl::string_view Batch::target_name() const { return contains("target") ? "target" : "labels"; }

Batch Batch::to(at::Device device) const {
  Batch moved;
  for (const auto& [name, tensor] : *this) {
    moved.set(name, tensor.device() == device ? tensor : tensor.to(device));
  }
  return moved;
}

std::vector<Batch> Batch::split(int64_t size) const {
  TORCH_CHECK_VALUE(size > 0, "a microbatch needs at least one sample, not ", size);
  const int64_t samples = num_samples();
  if (size >= samples) return {*this};
  std::vector<Batch> parts((samples + size - 1) / size);
  for (const auto& [name, tensor] : *this) {
    for (size_t i = 0; i < parts.size(); ++i) {
      const int64_t start = static_cast<int64_t>(i) * size;
      parts[i].set(name, tensor.dim() == 0
                             ? tensor
                             : tensor.narrow(0, start, std::min(size, samples - start)));
    }
  }
  return parts;
}

}  // namespace composer
