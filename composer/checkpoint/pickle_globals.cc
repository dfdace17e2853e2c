#include "composer/checkpoint/pickle_globals.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace composer {
namespace {

constexpr size_t kMaxStorageKey = 100;
// More than any library's tensors have.
constexpr size_t kMaxDimensions = 64;

const TorchDtype* dtype_of_storage_class(absl::string_view name) {
  return absl::ConsumePrefix(&name, "torch.") ? find_torch_storage_class(name) : nullptr;
}

const TorchDtype* dtype_of(const PickleValue& value) {
  const PickleGlobal* const global = value.as<PickleGlobal>();
  if (global == nullptr) return nullptr;
  absl::string_view name = global->name;
  return absl::ConsumePrefix(&name, "torch.") ? find_torch_dtype(name) : nullptr;
}

bool is_untyped_storage(absl::string_view name) {
  return name == kUntypedStorage || name == "torch.UntypedStorage";
}

std::optional<std::vector<int64_t>> integers(const PickleValue& value) {
  const PickleTuple* const tuple = value.as<PickleTuple>();
  if (tuple == nullptr || tuple->items.size() > kMaxDimensions) return std::nullopt;
  std::vector<int64_t> result;
  for (const PickleValue* const item : tuple->items) {
    const int64_t* const integer = item->as<int64_t>();
    if (integer == nullptr || *integer < 0) return std::nullopt;
    result.push_back(*integer);
  }
  return result;
}

// Whether `metadata` is a dict of flags, which are set in `tensor`.
bool read_metadata(const PickleValue& metadata, PickleTensor& tensor) {
  if (metadata.as<std::monostate>() != nullptr) return true;
  const PickleDict* const dict = metadata.as<PickleDict>();
  if (dict == nullptr || dict->items.size() > 2) return false;
  return std::all_of(dict->items.begin(), dict->items.end(), [&tensor](const auto& item) {
    const std::string* const name = item.first->template as<std::string>();
    const bool* const flag = item.second->template as<bool>();
    if (name == nullptr || flag == nullptr || (*name != "conj" && *name != "neg")) return false;
    (*name == "conj" ? tensor.conjugate : tensor.negative) = *flag;
    return true;
  });
}

// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None), and _v3
// with a dtype after the hooks.
absl::StatusOr<PickleValue> rebuild_tensor(const std::vector<const PickleValue*>& arguments,
                                           bool has_dtype) {
  const size_t required = has_dtype ? 7 : 6;
  if (arguments.size() != required && arguments.size() != required + 1) {
    return absl::DataLossError(
        absl::StrCat("it makes a tensor of ", arguments.size(), " parts; expected ", required));
  }
  PickleTensor tensor;
  tensor.storage = arguments[0];
  const PickleStorage* const storage = arguments[0]->as<PickleStorage>();
  const int64_t* const offset = arguments[1]->as<int64_t>();
  auto sizes = integers(*arguments[2]), strides = integers(*arguments[3]);
  const bool* const requires_grad = arguments[4]->as<bool>();
  if (has_dtype) {
    tensor.dtype = dtype_of(*arguments[6]);
  } else if (storage != nullptr) {
    tensor.dtype = storage->dtype;
  }
  if (storage == nullptr || tensor.dtype == nullptr || offset == nullptr || *offset < 0 || !sizes ||
      !strides || sizes->size() != strides->size() || requires_grad == nullptr ||
      (arguments.size() > required && !read_metadata(*arguments[required], tensor))) {
    return absl::DataLossError("it makes a tensor of parts that do not fit");
  }
  tensor.offset = *offset;
  tensor.sizes = *std::move(sizes);
  tensor.strides = *std::move(strides);
  tensor.requires_grad = *requires_grad;
  return PickleValue{std::move(tensor)};
}

}  // namespace

bool is_pickle_global(absl::string_view name) {
  for (const char* const known : {kOrderedDict, kTorchSize, kRebuildTensor2, kRebuildTensor3,
                                  kRebuildParameter, kRebuildParameterWithState}) {
    if (name == known) return true;
  }
  if (dtype_of_storage_class(name) != nullptr || is_untyped_storage(name)) return true;
  return absl::ConsumePrefix(&name, "torch.") && find_torch_dtype(name) != nullptr;
}

absl::StatusOr<PickleValue> call_pickle_global(absl::string_view name,
                                               const PickleTuple& arguments) {
  const std::vector<const PickleValue*>& items = arguments.items;
  if (name == kOrderedDict && items.empty()) return PickleValue{PickleDict{.ordered = true}};
  if (name == kRebuildTensor2) return rebuild_tensor(items, /*has_dtype=*/false);
  if (name == kRebuildTensor3) return rebuild_tensor(items, /*has_dtype=*/true);
  if (name == kRebuildParameter || name == kRebuildParameterWithState) {
    // What a parameter has besides belongs to the program that made it.
    if (!items.empty() && items[0]->as<PickleTensor>() != nullptr) return *items[0];
  } else if (name == kTorchSize && items.size() == 1 && integers(*items[0])) {
    return *items[0];
  }
  return absl::DataLossError(absl::StrCat("it calls ", name, " with arguments that do not fit"));
}

absl::StatusOr<PickleValue> make_pickle_storage(const PickleTuple& id) {
  const absl::Status damaged =
      absl::DataLossError("it has no storage's id where there must be one");
  if (id.items.size() != 5) return damaged;
  const std::string* const what = id.items[0]->as<std::string>();
  const PickleGlobal* const type = id.items[1]->as<PickleGlobal>();
  const std::string* const key = id.items[2]->as<std::string>();
  const int64_t* const size = id.items[4]->as<int64_t>();
  if (what == nullptr || *what != "storage" || type == nullptr || key == nullptr ||
      key->size() > kMaxStorageKey || size == nullptr || *size < 0) {
    return damaged;
  }
  const TorchDtype* const dtype = dtype_of_storage_class(type->name);
  if (dtype == nullptr && !is_untyped_storage(type->name)) return damaged;
  return PickleValue{PickleStorage{*key, dtype, *size}};
}

}  // namespace composer
