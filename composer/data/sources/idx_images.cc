#include "composer/data/sources/idx_images.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/formats/idx.h"
#include "composer/data/image.h"
#include "composer/data/sources/targets.h"

namespace composer {
namespace {

// The path of `name`, compressed or not, in the folder.
absl::StatusOr<std::string> find(const std::string& dir, const std::string& name,
                                 absl::string_view hint) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) {
    return field_error("dir", absl::StrCat("there is no folder ", dir, hint));
  }
  for (const char* suffix : {".gz", ""}) {
    const std::string path = (std::filesystem::path(dir) / (name + suffix)).string();
    if (std::filesystem::exists(path, error)) return path;
  }
  return field_error("dir", absl::StrCat(dir, " has no ", name, ".gz (or ", name, ")", hint));
}

absl::StatusOr<IdxArray> read_array(const std::string& path, int dimensions) {
  absl::StatusOr<IdxArray> array = read_idx(path, dimensions);
  if (!array.ok()) return field_error("dir", array.status().message());
  return array;
}

}  // namespace

absl::StatusOr<IdxImages::Files> IdxImages::read(const std::string& dir, bool train, int classes,
                                                 absl::string_view hint) {
  const std::string prefix = train ? "train" : "t10k";
  COMPOSER_ASSIGN_OR_RETURN(const std::string images_path,
                            find(dir, prefix + "-images-idx3-ubyte", hint));
  COMPOSER_ASSIGN_OR_RETURN(const std::string labels_path,
                            find(dir, prefix + "-labels-idx1-ubyte", hint));
  COMPOSER_ASSIGN_OR_RETURN(IdxArray labels, read_array(labels_path, 1));
  COMPOSER_ASSIGN_OR_RETURN(IdxArray images, read_array(images_path, 3));

  if (images.shape[0] != labels.shape[0]) {
    return field_error("dir", absl::StrCat(images_path, " has ", images.shape[0], " images, but ",
                                           labels_path, " has ", labels.shape[0], " labels"));
  }
  if (images.values.empty()) return field_error("dir", absl::StrCat(images_path, " has no images"));
  for (size_t i = 0; i < labels.values.size(); ++i) {
    if (labels.values[i] >= classes) {
      return field_error("dir", absl::StrCat(labels_path, ": the label of sample ", i, " is ",
                                             labels.values[i], "; expected 0 to ", classes - 1));
    }
  }
  return Files{std::move(images.values), std::move(labels.values), images.shape[1], images.shape[2],
               images_path};
}

absl::Status IdxImages::check(double mean, double std) {
  if (!is_float_mean(mean)) {
    return field_error("mean", absl::StrCat("mean is ", mean, "; it must be finite, as a float"));
  }
  if (!is_float_std(std)) {
    return field_error("std", absl::StrCat("std is ", std, "; it must be above 0, as a float"));
  }
  return absl::OkStatus();
}

IdxImages::IdxImages(std::string name, Files files, double mean, double std)
    : name_(std::move(name)), files_(std::move(files)), statistics_{{mean}, {std}} {}

ImageView IdxImages::image(int64_t index, std::vector<uint8_t>&) const {
  TORCH_CHECK_INDEX(index >= 0 && index < size(), "there is no sample ", index, " among ", size());
  return planar_image(files_.images.data() + index * files_.height * files_.width, 1, files_.height,
                      files_.width);
}

Batch IdxImages::companions(absl::Span<const int64_t> indices) const {
  return make_targets(indices, [&](int64_t index) { return files_.labels[index]; });
}

}  // namespace composer
