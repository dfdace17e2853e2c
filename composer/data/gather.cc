#include "composer/data/gather.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/index_select.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace composer {
namespace {

// Each row is one block of memory, whatever the order within it.
bool rows_are_blocks(const at::Tensor& rows) {
  return rows.layout() == at::kStrided && rows.is_cpu() && !rows.is_conj() && !rows.is_neg() &&
         rows.is_non_overlapping_and_dense() && rows.numel() > 0 &&
         rows.stride(0) * rows.size(0) == rows.numel();
}

}  // namespace

at::Tensor gather_rows(const at::Tensor& rows, absl::Span<const int64_t> indices) {
  const int64_t size = rows.size(0);
  for (const int64_t index : indices) {
    TORCH_CHECK_INDEX(index >= 0 && index < size, "there is no sample ", index, " among ", size);
  }
  const int64_t count = static_cast<int64_t>(indices.size());
  if (!rows_are_blocks(rows)) {
    at::Tensor selection = at::empty({count}, at::kLong);
    std::copy(indices.begin(), indices.end(), selection.mutable_data_ptr<int64_t>());
    return at::index_select(rows, 0, selection.to(rows.device()));
  }
  std::vector<int64_t> sizes = rows.sizes().vec();
  sizes[0] = count;
  at::Tensor gathered = at::empty_strided(sizes, rows.strides(), rows.options());
  const size_t bytes = static_cast<size_t>(rows.stride(0)) * rows.element_size();
  const char* source = static_cast<const char*>(rows.const_data_ptr());
  char* target = static_cast<char*>(gathered.mutable_data_ptr());
  for (const int64_t index : indices) {
    std::memcpy(target, source + static_cast<size_t>(index) * bytes, bytes);
    target += bytes;
  }
  return gathered;
}

}  // namespace composer
