#include "composer/checkpoint/stored_views.h"

#include <ATen/ops/as_strided.h>

#include <algorithm>
#include <map>
#include <tuple>

namespace composer {
namespace {

// What of a storage some tensors use.
struct Usage {
  std::vector<size_t> tensors;
  int64_t begin = 0;
  int64_t end = 0;
  /// Elements of the tensors, shared ones counted once for each.
  int64_t elements = 0;
  bool one_type = true;
  bool plain = true;
};

// The first element after the last one of the tensor's.
int64_t end_of(const at::Tensor& tensor) {
  int64_t last = tensor.storage_offset();
  for (int64_t i = 0; i < tensor.dim(); ++i) last += (tensor.size(i) - 1) * tensor.stride(i);
  return last + 1;
}

std::vector<int64_t> row_major_strides(at::IntArrayRef sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t step = 1;
  for (size_t i = sizes.size(); i > 0; --i) {
    strides[i - 1] = step;
    step *= std::max<int64_t>(sizes[i - 1], 1);
  }
  return strides;
}

void add_to(Usage& usage, size_t number, const NamedTensors& tensors) {
  const at::Tensor& tensor = tensors[number].second;
  const int64_t begin = tensor.storage_offset(), end = end_of(tensor);
  const bool first = usage.tensors.empty();
  usage.begin = first ? begin : std::min(usage.begin, begin);
  usage.end = first ? end : std::max(usage.end, end);
  usage.elements += tensor.numel();
  if (!first) {
    const at::Tensor& other = tensors[usage.tensors[0]].second;
    usage.one_type = usage.one_type && other.scalar_type() == tensor.scalar_type();
  }
  usage.plain = usage.plain && tensor.is_cpu() && !tensor.is_conj() && !tensor.is_neg();
  usage.tensors.push_back(number);
}

}  // namespace

StoredViews store_views(const NamedTensors& tensors) {
  StoredViews result;
  result.views.resize(tensors.size());
  const auto store_alone = [&](size_t number) {
    const at::Tensor& tensor = tensors[number].second;
    result.views[number] = {result.storages.size(), 0, tensor.sizes().vec(),
                            row_major_strides(tensor.sizes())};
    result.storages.push_back(tensor);
  };

  std::map<const void*, Usage> usages;
  std::vector<const void*> order;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const at::Tensor& tensor = tensors[i].second;
    if (tensor.numel() == 0) {
      store_alone(i);
      continue;
    }
    const void* const memory = tensor.storage().unsafeGetStorageImpl();
    Usage& usage = usages[memory];
    if (usage.tensors.empty()) order.push_back(memory);
    add_to(usage, i, tensors);
  }
  for (const void* const memory : order) {
    const Usage& usage = usages[memory];
    const at::Tensor& first = tensors[usage.tensors[0]].second;
    const int64_t length = usage.end - usage.begin;
    if (usage.plain && usage.one_type && length / 2 <= usage.elements) {
      for (const size_t i : usage.tensors) {
        const at::Tensor& tensor = tensors[i].second;
        result.views[i] = {result.storages.size(), tensor.storage_offset() - usage.begin,
                           tensor.sizes().vec(), tensor.strides().vec()};
      }
      result.storages.push_back(at::as_strided(first.detach(), {length}, {1}, usage.begin));
      continue;
    }
    std::map<
        std::tuple<at::ScalarType, bool, bool, int64_t, std::vector<int64_t>, std::vector<int64_t>>,
        size_t>
        distinct;
    for (const size_t i : usage.tensors) {
      const at::Tensor& tensor = tensors[i].second;
      const auto [found, added] = distinct.try_emplace(
          {tensor.scalar_type(), tensor.is_conj(), tensor.is_neg(), tensor.storage_offset(),
           tensor.sizes().vec(), tensor.strides().vec()},
          i);
      if (added) {
        store_alone(i);
      } else {
        result.views[i] = result.views[found->second];
      }
    }
  }
  return result;
}

}  // namespace composer
