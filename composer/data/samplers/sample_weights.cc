#include "composer/data/samplers/sample_weights.h"

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "composer/base/exceptions.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/data/formats/array_view.h"
#include "composer/data/formats/npy.h"
#include "composer/data/image_dataset.h"

namespace composer {
namespace {

// The targets of samples [first, first + count); of images without the image.
absl::StatusOr<std::vector<at::Tensor>> targets(const Dataset& dataset, int64_t first,
                                                int64_t count) {
  std::vector<int64_t> indices(count);
  std::iota(indices.begin(), indices.end(), first);
  const auto* images = dynamic_cast<const ImageDataset*>(&dataset);
  const auto* batched = dynamic_cast<const BatchedDataset*>(&dataset);
  std::vector<at::Tensor> found;
  COMPOSER_RETURN_IF_ERROR(catch_exceptions([&] {
    if (images != nullptr || batched != nullptr) {
      const Batch batch =
          images != nullptr ? images->companions(indices) : batched->get_batch(indices);
      if (const at::Tensor* target = batch.find("target")) found = target->unbind(0);
    } else {
      for (const int64_t index : indices) {
        const TensorDict sample = dataset.get(index);
        if (const at::Tensor* target = sample.find("target")) found.push_back(*target);
      }
    }
  }));
  if (found.size() != indices.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(dataset.name(), ": the samples have no `target`, by which class_weights go"));
  }
  return found;
}

bool is_weight(double value) { return std::isfinite(value) && value >= 0; }

absl::StatusOr<std::vector<double>> read_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be opened"));
  std::vector<double> weights;
  int64_t number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    absl::string_view text = line;
    if (number == 1) absl::ConsumePrefix(&text, "\xef\xbb\xbf");
    text = absl::StripAsciiWhitespace(text);
    double weight;
    if (!absl::SimpleAtod(text, &weight) || !is_weight(weight)) {
      constexpr size_t kShown = 40;
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": line ", number, ": expected a weight (a finite number, 0 or above), found \"",
          text.substr(0, kShown), text.size() > kShown ? "..." : "", "\""));
    }
    weights.push_back(weight);
  }
  if (file.bad()) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be read after line ", number));
  }
  return weights;
}

template <typename Float>
std::vector<double> values_of(const ArrayView& array) {
  // The file's bytes may lie at any address.
  std::vector<Float> values(array.bytes.size() / sizeof(Float));
  if (!values.empty()) std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return {values.begin(), values.end()};
}

absl::StatusOr<std::vector<double>> read_array(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  COMPOSER_ASSIGN_OR_RETURN(const ArrayView array, view_npy(file.bytes(), path));
  const bool is_float = array.type == ElementType::FLOAT32;
  if (array.shape.size() != 1 || (!is_float && array.type != ElementType::FLOAT64)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": expected weights, float64 or float32 [samples], found ",
                     element_name(array.type), " ", shape_text(array.shape)));
  }
  std::vector<double> weights = is_float ? values_of<float>(array) : values_of<double>(array);
  for (size_t i = 0; i < weights.size(); ++i) {
    if (is_weight(weights[i])) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": expected weights (finite numbers, 0 or above), found ", weights[i], " at ", i));
  }
  return weights;
}

}  // namespace

absl::StatusOr<std::vector<double>> read_weights(const std::string& path) {
  return absl::EndsWith(path, ".npy") ? read_array(path) : read_lines(path);
}

absl::StatusOr<std::vector<double>> weights_by_class(const Dataset& dataset,
                                                     absl::Span<const double> class_weights) {
  constexpr int64_t kChunk = 1024;
  const int64_t size = dataset.size();
  std::vector<double> weights;
  weights.reserve(size);
  for (int64_t first = 0; first < size; first += kChunk) {
    COMPOSER_ASSIGN_OR_RETURN(const std::vector<at::Tensor> chunk,
                              targets(dataset, first, std::min(kChunk, size - first)));
    for (const at::Tensor& target : chunk) {
      if (target.dim() != 0 || !c10::isIntegralType(target.scalar_type(), /*includeBool=*/false)) {
        return absl::InvalidArgumentError(
            absl::StrCat(dataset.name(), ": `target` of sample ", weights.size(),
                         " is no integer; class_weights go by the number of a class"));
      }
      const int64_t label = target.item<int64_t>();
      if (label < 0 || label >= static_cast<int64_t>(class_weights.size())) {
        return absl::InvalidArgumentError(
            absl::StrCat(dataset.name(), ": `target` of sample ", weights.size(), " is ", label,
                         ", but there are class_weights for 0 to ", class_weights.size() - 1));
      }
      weights.push_back(class_weights[label]);
    }
  }
  return weights;
}

}  // namespace composer
