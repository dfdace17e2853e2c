#include "composer/checkpoint/pickle_value.h"

#include <algorithm>
#include <iterator>

namespace composer {
namespace {

constexpr TorchDtype kDtypes[] = {
    {"float64", "DoubleStorage", 8},
    {"float32", "FloatStorage", 4},
    {"float16", "HalfStorage", 2},
    {"int64", "LongStorage", 8},
    {"int32", "IntStorage", 4},
    {"int16", "ShortStorage", 2},
    {"int8", "CharStorage", 1},
    {"uint8", "ByteStorage", 1},
    {"bool", "BoolStorage", 1},
    {"bfloat16", "BFloat16Storage", 2},
    {"complex128", "ComplexDoubleStorage", 16},
    {"complex64", "ComplexFloatStorage", 8},
    {"complex32", "", 4},
    {"uint16", "", 2},
    {"uint32", "", 4},
    {"uint64", "", 8},
    {"float8_e5m2", "", 1},
    {"float8_e4m3fn", "", 1},
    {"float8_e5m2fnuz", "", 1},
    {"float8_e4m3fnuz", "", 1},
    {"float8_e8m0fnu", "", 1},
};

const TorchDtype* find_dtype(absl::string_view TorchDtype::*field, absl::string_view name) {
  const auto found = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                  [&](const TorchDtype& dtype) { return dtype.*field == name; });
  return found == std::end(kDtypes) || name.empty() ? nullptr : found;
}

}  // namespace

const TorchDtype* find_torch_dtype(absl::string_view name) {
  return find_dtype(&TorchDtype::name, name);
}

const TorchDtype* find_torch_storage_class(absl::string_view name) {
  return find_dtype(&TorchDtype::storage_class, name);
}

const PickleValue* PickleDict::find(absl::string_view key) const {
  const auto found = std::find_if(items.rbegin(), items.rend(), [&](const auto& item) {
    const std::string* const text = item.first->template as<std::string>();
    return text != nullptr && *text == key;
  });
  return found == items.rend() ? nullptr : found->second;
}

absl::string_view PickleValue::kind() const {
  constexpr absl::string_view kKinds[] = {
      "None",    "a bool", "an integer", "a float",  "a string", "a list",
      "a tuple", "a dict", "a storage",  "a tensor", "a name",   "an unknown object"};
  static_assert(std::size(kKinds) == std::variant_size_v<decltype(value)>);
  return kKinds[value.index()];
}

}  // namespace composer
