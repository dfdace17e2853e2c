#include "tests/algorithms/golden.h"

#include <ATen/ATen.h>

#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "composer/base/logging.h"

namespace composer::testing {
namespace {

void read(const std::string& path, std::map<std::string, at::Tensor>& tensors) {
  std::ifstream file(path);
  CHECK(file.good()) << "the golden numbers are not where the test runs: " << path;
  std::string header, values;
  while (std::getline(file, header) && std::getline(file, values)) {
    std::istringstream words(header), numbers(values);
    std::string name, type;
    words >> name >> type;
    std::vector<int64_t> sizes;
    for (int64_t size; words >> size;) sizes.push_back(size);
    std::vector<double> data;
    for (double number; numbers >> number;) data.push_back(number);
    const at::ScalarType scalar_type = type == "int64"     ? at::kLong
                                       : type == "float64" ? at::kDouble
                                                           : at::kFloat;
    tensors[name] = at::tensor(data, at::kDouble).reshape(sizes).to(scalar_type);
  }
}

std::map<std::string, at::Tensor> read_all() {
  std::map<std::string, at::Tensor> tensors;
  for (const char* file : {"algorithms.txt", "inputs.txt", "beyond.txt"}) {
    read(std::string("tests/golden/algorithms/") + file, tensors);
  }
  return tensors;
}

}  // namespace

at::Tensor golden(const std::string& name) {
  static const auto* const tensors = new std::map<std::string, at::Tensor>(read_all());
  const auto position = tensors->find(name);
  CHECK(position != tensors->end()) << "there are no golden numbers " << name;
  return position->second.clone();
}

}  // namespace composer::testing
