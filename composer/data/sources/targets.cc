#include "composer/data/sources/targets.h"

#include <ATen/ops/empty.h>

#include <utility>

namespace composer {

Batch make_targets(absl::Span<const int64_t> indices, absl::FunctionRef<int64_t(int64_t)> label) {
  at::Tensor target = at::empty({static_cast<int64_t>(indices.size())}, at::kLong);
  int64_t* out = target.mutable_data_ptr<int64_t>();
  for (const int64_t index : indices) *out++ = label(index);
  return {{"target", std::move(target)}};
}

}  // namespace composer
