#include "composer/data/sources/json_array.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/sources/source_files.h"

namespace composer {
namespace {

using nlohmann::json;

bool take(const json& value, float& out) {
  if (!value.is_number()) return false;
  const double number = value.get<double>();
  if (!(std::abs(number) <= std::numeric_limits<float>::max())) return false;
  out = static_cast<float>(number);
  return true;
}

bool take(const json& value, int64_t& out) {
  const bool is_too_large =
      value.is_number_unsigned() &&
      value.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (!value.is_number_integer() || is_too_large) return false;
  out = value.get<int64_t>();
  return true;
}

absl::string_view expected(float) { return "a number that a float holds"; }
absl::string_view expected(int64_t) { return "a whole number of 64 bits"; }

// Writes the numbers of arrays within arrays, one after another.
template <typename T>
class Writer {
 public:
  explicit Writer(const std::vector<int64_t>& shape) : shape_(shape) {}

  const std::vector<T>& written() const { return written_; }

  absl::Status write(const json& value, size_t depth) {
    if (depth == shape_.size()) {
      T number;
      if (!take(value, number)) return wrong(expected(T()), value);
      written_.push_back(number);
      return absl::OkStatus();
    }
    if (!value.is_array() || static_cast<int64_t>(value.size()) != shape_[depth]) {
      return wrong(absl::StrCat("an array of ", shape_[depth], " elements, like its neighbours"),
                   value);
    }
    place_.push_back(0);
    for (const json& element : value) {
      COMPOSER_RETURN_IF_ERROR(write(element, depth + 1));
      ++place_.back();
    }
    place_.pop_back();
    return absl::OkStatus();
  }

 private:
  absl::Status wrong(absl::string_view expected, const json& found) const {
    std::string place;
    for (const int64_t index : place_) absl::StrAppend(&place, "[", index, "]");
    return absl::DataLossError(absl::StrCat(place, place.empty() ? "" : ": ", "expected ", expected,
                                            ", found ", describe(found)));
  }

  static std::string describe(const json& found) {
    if (found.is_array()) return absl::StrCat("an array of ", found.size());
    if (found.is_object()) return "an object";
    if (found.is_string()) return quote_found(found.get_ref<const std::string&>());
    return found.dump();
  }

  const std::vector<int64_t>& shape_;
  // Grows with what is there: a shape may promise more.
  std::vector<T> written_;
  std::vector<int64_t> place_;
};

template <typename T>
absl::StatusOr<at::Tensor> to_tensor(const json& value, const std::vector<int64_t>& shape,
                                     at::ScalarType type) {
  Writer<T> writer(shape);
  COMPOSER_RETURN_IF_ERROR(writer.write(value, 0));
  at::Tensor tensor = at::empty(shape, type);
  std::copy(writer.written().begin(), writer.written().end(), tensor.mutable_data_ptr<T>());
  return tensor;
}

}  // namespace

absl::StatusOr<at::Tensor> json_array(const json& value, bool whole) {
  // That of the first elements; the rest is held to it.
  std::vector<int64_t> shape;
  for (const json* level = &value; level->is_array(); level = &level->front()) {
    shape.push_back(static_cast<int64_t>(level->size()));
    if (level->empty()) break;
  }
  return whole ? to_tensor<int64_t>(value, shape, at::kLong)
               : to_tensor<float>(value, shape, at::kFloat);
}

}  // namespace composer
