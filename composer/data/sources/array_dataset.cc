#include "composer/data/sources/array_dataset.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/array_tensor.h"
#include "composer/data/gather.h"

namespace composer {
namespace {

constexpr char kInput[] = "input";

std::string element_of(absl::string_view field, size_t index) {
  return absl::StrCat(field, "[", index, "]");
}

// The number of samples that all arrays agree on.
absl::StatusOr<int64_t> count_samples(const std::vector<SampleArray>& arrays,
                                      absl::string_view field) {
  for (size_t i = 0; i < arrays.size(); ++i) {
    const SampleArray& array = arrays[i];
    if (array.view.shape.empty()) {
      return field_error(element_of(field, i),
                         absl::StrCat(array.origin,
                                      " is a single number; expected an array whose "
                                      "first dimension counts samples"));
    }
    if (array.view.shape[0] == 0) {
      return field_error(element_of(field, i), absl::StrCat(array.origin, " has no samples"));
    }
    if (array.view.shape[0] != arrays[0].view.shape[0]) {
      return field_error(element_of(field, i),
                         absl::StrCat("the arrays must have as many samples as one another, but ",
                                      array.origin, " has ", array.view.shape[0], " and ",
                                      arrays[0].origin, " has ", arrays[0].view.shape[0]));
    }
    for (size_t j = 0; j < i; ++j) {
      if (arrays[j].name == array.name) {
        return field_error(absl::StrCat(element_of(field, i), ".name"),
                           absl::StrCat("\"", array.name, "\" is there twice"));
      }
    }
  }
  return arrays[0].view.shape[0];
}

}  // namespace

absl::StatusOr<std::shared_ptr<ArrayDataset>> ArrayDataset::create(std::vector<SampleArray> arrays,
                                                                   absl::string_view field,
                                                                   std::string name) {
  if (arrays.empty()) return field_error(field, "there must be at least one");
  const std::shared_ptr<ArrayDataset> dataset(new ArrayDataset);
  COMPOSER_ASSIGN_OR_RETURN(dataset->size_, count_samples(arrays, field));
  dataset->name_ = std::move(name);
  for (SampleArray& array : arrays) {
    at::Tensor rows = tensor_over(array.view, array.owner);
    dataset->columns_.push_back({std::move(array), std::move(rows)});
  }
  return dataset;
}

Batch ArrayDataset::get_batch(absl::Span<const int64_t> indices) const {
  Batch batch;
  for (const Column& column : columns_) {
    at::Tensor rows = gather_rows(column.rows, indices);
    if (column.array.view.type == ElementType::BOOL) {
      rows = in_context([&] { return column.array.origin; }, [&] { return booleans(rows); });
    }
    batch.set(column.array.name, as_models_take_it(column.array.name, rows));
  }
  return batch;
}

bool ImageArrayDataset::takes(const SampleArray& array) {
  const std::vector<int64_t>& shape = array.view.shape;
  const auto is_channels = [](int64_t size) { return size == 1 || size == 3; };
  return array.name == kInput && array.view.type == ElementType::UINT8 && shape.size() == 4 &&
         (is_channels(shape[1]) || is_channels(shape[3])) &&
         std::none_of(shape.begin() + 1, shape.end(), [](int64_t size) { return size == 0; });
}

absl::StatusOr<std::shared_ptr<ImageArrayDataset>> ImageArrayDataset::create(
    std::vector<SampleArray> arrays, absl::string_view field, std::string name) {
  const std::shared_ptr<ImageArrayDataset> dataset(new ImageArrayDataset);
  COMPOSER_ASSIGN_OR_RETURN(dataset->size_, count_samples(arrays, field));
  dataset->name_ = std::move(name);
  const auto images = std::find_if(arrays.begin(), arrays.end(), takes);
  TORCH_CHECK_VALUE(images != arrays.end(), "there is no array of images");
  dataset->images_ = std::move(*images);
  arrays.erase(images);
  const std::vector<int64_t>& shape = dataset->images_.view.shape;
  dataset->planar_ = shape[1] == 1 || shape[1] == 3;
  const int64_t channels = shape[dataset->planar_ ? 1 : 3];
  dataset->statistics_.mean.assign(channels, 0);
  dataset->statistics_.std.assign(channels, 1);
  if (!arrays.empty()) {
    COMPOSER_ASSIGN_OR_RETURN(dataset->others_,
                              ArrayDataset::create(std::move(arrays), field, dataset->name_));
  }
  return dataset;
}

ImageView ImageArrayDataset::image(int64_t index, std::vector<uint8_t>& storage) const {
  TORCH_CHECK_INDEX(index >= 0 && index < size_, "there is no sample ", index, " among ", size_);
  const std::vector<int64_t>& shape = images_.view.shape;
  const uint8_t* const data = images_.view.bytes.data() + index * (shape[1] * shape[2] * shape[3]);
  return planar_ ? planar_image(data, shape[1], shape[2], shape[3])
                 : interleaved_image(data, shape[3], shape[1], shape[2]);
}

Batch ImageArrayDataset::companions(absl::Span<const int64_t> indices) const {
  return others_ == nullptr ? Batch() : others_->get_batch(indices);
}

absl::StatusOr<std::shared_ptr<Dataset>> dataset_of_arrays(std::vector<SampleArray> arrays,
                                                           absl::string_view field,
                                                           std::string name) {
  if (std::any_of(arrays.begin(), arrays.end(), ImageArrayDataset::takes)) {
    return ImageArrayDataset::create(std::move(arrays), field, std::move(name));
  }
  return ArrayDataset::create(std::move(arrays), field, std::move(name));
}

}  // namespace composer
