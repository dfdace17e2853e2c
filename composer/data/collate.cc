#include "composer/data/collate.h"

#include <ATen/ops/stack.h>
#include <c10/util/Exception.h>

#include <string>
#include <vector>

#include "absl/strings/str_join.h"

namespace composer {
namespace {

std::string names_of(const TensorDict& sample) {
  return absl::StrJoin(sample, ", ",
                       [](std::string* out, const auto& entry) { out->append(entry.first); });
}

}  // namespace

Batch collate(absl::Span<const TensorDict> samples) {
  Batch batch;
  if (samples.empty()) return batch;
  const TensorDict& first = samples.front();
  for (size_t i = 1; i < samples.size(); ++i) {
    TORCH_CHECK_VALUE(samples[i].size() == first.size(), "sample ", i,
                      " of the batch has the tensors ", names_of(samples[i]),
                      "; the first sample has ", names_of(first));
  }
  std::vector<at::Tensor> tensors(samples.size());
  for (const auto& [name, model] : first) {
    tensors[0] = model;
    for (size_t i = 1; i < samples.size(); ++i) {
      const at::Tensor* tensor = samples[i].find(name);
      TORCH_CHECK_VALUE(tensor != nullptr, "sample ", i, " of the batch has no tensor \"", name,
                        "\"; it has ", names_of(samples[i]));
      TORCH_CHECK_VALUE(tensor->sizes() == model.sizes() && tensor->dtype() == model.dtype(), "\"",
                        name, "\" of sample ", i, " of the batch is ", tensor->dtype().name(), " ",
                        tensor->sizes(), "; that of the first sample is ", model.dtype().name(),
                        " ", model.sizes());
      tensors[i] = *tensor;
    }
    batch.set(name, at::stack(tensors));
  }
  return batch;
}

}  // namespace composer
