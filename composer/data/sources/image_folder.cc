#include "composer/data/sources/image_folder.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/data/formats/image_file.h"
#include "composer/data/formats/image_folder_index.h"
#include "composer/data/registry.h"
#include "composer/data/sources/channel_statistics.h"
#include "composer/data/sources/targets.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

using Names = std::vector<std::string>;

absl::Status check_classes(const Names& classes) {
  std::set<std::string> seen;
  for (size_t i = 0; i < classes.size(); ++i) {
    const std::string& name = classes[i];
    const std::string field = absl::StrCat("classes[", i, "]");
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) {
      return field_error(field, absl::StrCat("\"", name, "\" is no name of a folder in `dir`"));
    }
    if (!seen.insert(name).second) {
      return field_error(field, absl::StrCat(name, " is listed twice"));
    }
  }
  return absl::OkStatus();
}

// Those of `classes` that are among `folders`.
absl::StatusOr<Names> choose_folders(const std::string& dir, const Names& classes,
                                     const Names& folders) {
  Names chosen;
  std::optional<size_t> missing;
  for (size_t i = 0; i < classes.size(); ++i) {
    if (absl::c_binary_search(folders, classes[i])) {
      chosen.push_back(classes[i]);
    } else if (!missing) {
      missing = i;
    }
  }
  if (!missing || chosen.size() == folders.size()) return chosen;
  Names unlisted;
  absl::c_copy_if(folders, std::back_inserter(unlisted), [&](const std::string& folder) {
    return !absl::c_linear_search(classes, folder);
  });
  const std::string near = nearest(classes[*missing], unlisted);
  return field_error(absl::StrCat("classes[", *missing, "]"),
                     absl::StrCat(dir, " has no folder ", classes[*missing], ", but has ",
                                  near.empty() ? unlisted[0] : near,
                                  ", which is not among `classes`: one of them may be misspelt"));
}

absl::StatusOr<ImageFolderFiles> list_files(const std::string& dir, const Names& folders,
                                            bool cache_index) {
  if (cache_index) {
    if (auto files = load_image_folder_index(dir, folders)) return *std::move(files);
  }
  absl::StatusOr<ImageFolderFiles> files = list_image_files(dir, folders);
  if (!files.ok()) return field_error("dir", files.status().message());
  if (cache_index) {
    const absl::Status saved = save_image_folder_index(dir, *files);
    if (!saved.ok()) VLOG(1) << "the list of images is not kept: " << saved.message();
  }
  return files;
}

}  // namespace

absl::StatusOr<std::shared_ptr<ImageFolder>> ImageFolder::create(const Config& config) {
  if (config.channels() != 1 && config.channels() != 3) {
    return field_error("channels", absl::StrCat("channels is ", config.channels(),
                                                "; it is 1 for grey or 3 for RGB"));
  }
  if (config.has_decode_size() && config.decode_size() < 1) {
    return field_error("decode_size", absl::StrCat("decode_size is ", config.decode_size(),
                                                   "; leave it out for the full size"));
  }
  COMPOSER_ASSIGN_OR_RETURN(ChannelStatistics statistics,
                            read_channel_statistics(config.mean(), config.std(), config.channels(),
                                                    image_net_statistics(config.channels())));
  Names classes(config.classes().begin(), config.classes().end());
  COMPOSER_RETURN_IF_ERROR(check_classes(classes));

  absl::StatusOr<Names> folders = list_class_folders(config.dir());
  if (!folders.ok()) return field_error("dir", folders.status().message());
  if (folders->empty()) {
    return field_error("dir", absl::StrCat(config.dir(),
                                           " has no folders; expected one for each "
                                           "class, with the class's images in it"));
  }
  if (classes.empty()) {
    classes = *folders;
  } else {
    COMPOSER_ASSIGN_OR_RETURN(folders, choose_folders(config.dir(), classes, *folders));
  }
  COMPOSER_ASSIGN_OR_RETURN(ImageFolderFiles files,
                            list_files(config.dir(), *folders, config.cache_index()));
  return std::shared_ptr<ImageFolder>(
      new ImageFolder(config, std::move(classes), std::move(files), std::move(statistics)));
}

ImageFolder::ImageFolder(const Config& config, std::vector<std::string> classes,
                         ImageFolderFiles files, ChannelStatistics statistics)
    : name_(absl::StrCat("image_folder (", config.dir(), ")")),
      dir_(config.dir()),
      decode_options_{.channels = static_cast<int>(config.channels()),
                      .decode_size = config.decode_size()},
      classes_(std::move(classes)),
      files_(std::move(files)),
      statistics_(std::move(statistics)) {
  for (const std::string& folder : files_.class_folders()) {
    class_numbers_.push_back(absl::c_find(classes_, folder) - classes_.begin());
  }
}

std::string ImageFolder::path(int64_t index) const {
  TORCH_CHECK_INDEX(index >= 0 && index < size(), "there is no sample ", index, " among ", size());
  return absl::StrCat(dir_, "/", files_.class_folders()[files_.class_of(index)], "/",
                      files_.file(index));
}

ImageView ImageFolder::image(int64_t index, std::vector<uint8_t>& storage) const {
  const absl::StatusOr<ImageSize> size = read_image_file(path(index), decode_options_, storage);
  throw_if_error(size.status());
  return interleaved_image(storage.data(), decode_options_.channels, size->height, size->width);
}

Batch ImageFolder::companions(absl::Span<const int64_t> indices) const {
  return make_targets(indices,
                      [&](int64_t index) { return class_numbers_[files_.class_of(index)]; });
}

COMPOSER_REGISTER(Dataset, ImageFolder);

}  // namespace composer
