#include "composer/data/sources/safetensors.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/data/formats/safetensors_view.h"
#include "composer/data/registry.h"
#include "composer/data/sources/array_dataset.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

struct OpenFile {
  MappedFile bytes;
  SafetensorsView tensors;
};

using Files = std::map<std::string, std::shared_ptr<const OpenFile>>;

absl::StatusOr<std::shared_ptr<const OpenFile>> open(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(MappedFile bytes, MappedFile::open(path));
  COMPOSER_ASSIGN_OR_RETURN(SafetensorsView tensors, SafetensorsView::open(bytes.bytes(), path));
  return std::make_shared<const OpenFile>(OpenFile{std::move(bytes), std::move(tensors)});
}

absl::StatusOr<SampleArray> read(const config::ArrayChoice& choice, Files& files) {
  std::shared_ptr<const OpenFile>& file = files[choice.file()];
  if (file == nullptr) {
    absl::StatusOr<std::shared_ptr<const OpenFile>> opened = open(choice.file());
    if (!opened.ok()) return field_error("file", opened.status().message());
    file = *std::move(opened);
  }
  const std::string& name = choice.has_array() ? choice.array() : choice.name();
  absl::StatusOr<ArrayView> view = file->tensors.read(name);
  if (!view.ok()) return field_error("array", view.status().message());
  return SampleArray{choice.name(), absl::StrCat(choice.file(), ", tensor \"", name, "\""),
                     *std::move(view), file};
}

}  // namespace

absl::StatusOr<std::shared_ptr<Dataset>> Safetensors::create(const Config& config) {
  Files files;
  std::vector<SampleArray> arrays;
  for (int i = 0; i < config.tensors_size(); ++i) {
    absl::StatusOr<SampleArray> array = read(config.tensors(i), files);
    if (!array.ok()) return in_field(absl::StrCat("tensors[", i, "]"), array.status());
    arrays.push_back(*std::move(array));
  }
  const std::string first = config.tensors_size() > 0 ? config.tensors(0).file() : "";
  return dataset_of_arrays(std::move(arrays), "tensors", absl::StrCat("safetensors (", first, ")"));
}

COMPOSER_REGISTER(Dataset, Safetensors);

}  // namespace composer
