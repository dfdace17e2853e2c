#include "composer/data/samples.h"

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

void check_same_names(absl::Span<const TensorDict> samples) {
  for (size_t i = 1; i < samples.size(); ++i) {
    TORCH_CHECK_VALUE(samples[i].size() == samples[0].size(), "sample ", i,
                      " of the batch has the tensors ", names_of(samples[i]),
                      "; the first sample has ", names_of(samples[0]));
    for (const auto& [name, tensor] : samples[0]) {
      TORCH_CHECK_VALUE(samples[i].contains(name), "sample ", i, " of the batch has no tensor \"",
                        name, "\"; it has ", names_of(samples[i]));
    }
  }
}

at::Tensor stack_tensors(absl::Span<const TensorDict> samples, absl::string_view name) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(samples.size());
  for (const TensorDict& sample : samples) {
    const at::Tensor& tensor = sample.at(name);
    const at::Tensor& first = tensors.empty() ? tensor : tensors.front();
    TORCH_CHECK_VALUE(tensor.sizes() == first.sizes() && tensor.dtype() == first.dtype(), "\"",
                      name, "\" of sample ", tensors.size(), " of the batch is ",
                      tensor.dtype().name(), " ", tensor.sizes(), "; that of the first sample is ",
                      first.dtype().name(), " ", first.sizes());
    tensors.push_back(tensor);
  }
  return at::stack(tensors);
}

}  // namespace composer
