#include "composer/data/sources/numpy.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/data/formats/npy.h"
#include "composer/data/formats/npz.h"
#include "composer/data/registry.h"
#include "composer/data/sources/array_dataset.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

using Files = std::map<std::string, std::shared_ptr<const MappedFile>>;

// An archive also when its name says otherwise: that is told by its first bytes.
bool is_npz(const MappedFile& file) {
  return absl::EndsWith(file.path(), ".npz") ||
         (file.bytes().size() >= 2 && file.bytes()[0] == 'P' && file.bytes()[1] == 'K');
}

absl::StatusOr<SampleArray> read(const config::ArrayChoice& choice, Files& files) {
  std::shared_ptr<const MappedFile>& file = files[choice.file()];
  if (file == nullptr) {
    absl::StatusOr<MappedFile> mapped = MappedFile::open(choice.file());
    if (!mapped.ok()) return field_error("file", mapped.status().message());
    file = std::make_shared<const MappedFile>(*std::move(mapped));
  }
  if (!is_npz(*file)) {
    if (choice.has_array()) {
      return field_error("array", absl::StrCat(choice.file(),
                                               " is a .npy file, whose one array "
                                               "has no name; leave this out"));
    }
    absl::StatusOr<ArrayView> view = view_npy(file->bytes(), choice.file());
    if (!view.ok()) return field_error("file", view.status().message());
    return SampleArray{choice.name(), choice.file(), *std::move(view), file};
  }
  const absl::StatusOr<NpzFile> npz = NpzFile::open(file->bytes(), choice.file());
  if (!npz.ok()) return field_error("file", npz.status().message());
  const std::string& name = choice.has_array() ? choice.array() : choice.name();
  absl::StatusOr<NpzArray> array = npz->read(name);
  if (!array.ok()) {
    return field_error(absl::IsNotFound(array.status()) ? "array" : "file",
                       array.status().message());
  }
  const auto owner = std::make_shared<const NpzArray>(*std::move(array));
  return SampleArray{choice.name(), absl::StrCat(choice.file(), ", array \"", name, "\""),
                     owner->view, owner};
}

}  // namespace

absl::StatusOr<std::shared_ptr<Dataset>> Numpy::create(const Config& config) {
  Files files;
  std::vector<SampleArray> arrays;
  for (int i = 0; i < config.arrays_size(); ++i) {
    absl::StatusOr<SampleArray> array = read(config.arrays(i), files);
    if (!array.ok()) return in_field(absl::StrCat("arrays[", i, "]"), array.status());
    arrays.push_back(*std::move(array));
  }
  const std::string first = config.arrays_size() > 0 ? config.arrays(0).file() : "";
  return dataset_of_arrays(std::move(arrays), "arrays", absl::StrCat("numpy (", first, ")"));
}

COMPOSER_REGISTER(Dataset, Numpy);

}  // namespace composer
