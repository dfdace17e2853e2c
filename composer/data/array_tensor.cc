#include "composer/data/array_tensor.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"

namespace composer {

at::ScalarType scalar_type(ElementType type) {
  switch (type) {
    case ElementType::BOOL:
      return at::kBool;
    case ElementType::UINT8:
      return at::kByte;
    case ElementType::INT8:
      return at::kChar;
    case ElementType::UINT16:
      return at::kUInt16;
    case ElementType::INT16:
      return at::kShort;
    case ElementType::UINT32:
      return at::kUInt32;
    case ElementType::INT32:
      return at::kInt;
    case ElementType::UINT64:
      return at::kUInt64;
    case ElementType::INT64:
      return at::kLong;
    case ElementType::FLOAT16:
      return at::kHalf;
    case ElementType::BFLOAT16:
      return at::kBFloat16;
    case ElementType::FLOAT32:
      return at::kFloat;
    case ElementType::FLOAT64:
      return at::kDouble;
  }
  TORCH_INTERNAL_ASSERT(false);
}

at::Tensor tensor_over(const ArrayView& array, std::shared_ptr<const void> owner) {
  const at::ScalarType type = array.type == ElementType::BOOL ? at::kByte : scalar_type(array.type);
  return at::from_blob(
      const_cast<uint8_t*>(array.bytes.data()), array.shape, [owner = std::move(owner)](void*) {},
      at::TensorOptions(type));
}

at::Tensor tensor_copy(const ArrayView& array) {
  const bool boolean = array.type == ElementType::BOOL;
  at::Tensor tensor = at::empty(array.shape, boolean ? at::kByte : scalar_type(array.type));
  if (!array.bytes.empty()) {
    std::memcpy(tensor.mutable_data_ptr(), array.bytes.data(), array.bytes.size());
  }
  return boolean ? booleans(tensor) : tensor;
}

at::Tensor booleans(const at::Tensor& bytes) {
  const uint8_t* const begin = bytes.const_data_ptr<uint8_t>();
  const uint8_t* const end = begin + bytes.numel();
  const uint8_t* const bad = std::find_if(begin, end, [](uint8_t byte) { return byte > 1; });
  if (bad != end) {
    throw StatusError(absl::DataLossError(
        absl::StrCat("expected booleans, 0 and 1, found ", static_cast<int>(*bad))));
  }
  return bytes.view(at::kBool);
}

at::Tensor as_models_take_it(absl::string_view name, const at::Tensor& tensor) {
  if (name != "target" && name != "labels" && name != "input_ids") return tensor;
  if (!c10::isIntegralType(tensor.scalar_type(), /*includeBool=*/false)) return tensor;
  if (tensor.scalar_type() == at::kLong) return tensor;
  const at::Tensor converted = tensor.to(at::kLong);
  if (tensor.scalar_type() == at::kUInt64) {
    const int64_t* values = converted.const_data_ptr<int64_t>();
    const int64_t* bad =
        std::find_if(values, values + converted.numel(), [](int64_t value) { return value < 0; });
    if (bad != values + converted.numel()) {
      throw StatusError(absl::DataLossError(
          absl::StrCat("\"", name, "\": expected whole numbers below 2^63, found ",
                       static_cast<uint64_t>(*bad))));
    }
  }
  return converted;
}

}  // namespace composer
