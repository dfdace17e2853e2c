#include "tests/testing/golden.h"

#include <ATen/ATen.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

namespace composer::testing {
namespace {

at::ScalarType dtype_of(const std::string& name) {
  if (name == "float32") return at::kFloat;
  if (name == "float64") return at::kDouble;
  if (name == "int64") return at::kLong;
  TORCH_CHECK_VALUE(name == "bool", "golden numbers of dtype \"", name, "\"");
  return at::kBool;
}

}  // namespace

TensorDict read_golden(const std::string& path) {
  std::ifstream file(path);
  TORCH_CHECK_VALUE(file.good(), "cannot open ", path);
  TensorDict tensors;
  std::string head, values;
  while (std::getline(file, head)) {
    TORCH_CHECK_VALUE(std::getline(file, values), path, ": no values for ", head);
    std::istringstream fields(head);
    std::string name, dtype;
    fields >> name >> dtype;
    std::vector<int64_t> sizes;
    for (int64_t size; fields >> size;) sizes.push_back(size);
    std::vector<double> numbers;
    std::istringstream stream(values);
    for (double number; stream >> number;) numbers.push_back(number);
    tensors.set(name, at::tensor(numbers, at::kDouble).to(dtype_of(dtype)).view(sizes));
  }
  return tensors;
}

double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  if (actual.sizes() != expected.sizes()) return std::numeric_limits<double>::infinity();
  const at::Tensor a = actual.detach().cpu().to(at::kDouble);
  const at::Tensor b = expected.detach().to(at::kDouble);
  const double scale = b.norm().item<double>();
  return (a - b).norm().item<double>() / (scale > 0 ? scale : 1);
}

}  // namespace composer::testing
