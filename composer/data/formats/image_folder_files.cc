#include "composer/data/formats/image_folder_files.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {
namespace {

struct Entry {
  std::string name;
  bool is_folder;
};

bool is_hidden(absl::string_view name) { return absl::StartsWith(name, "."); }

// What is not hidden, in any order.
absl::StatusOr<std::vector<Entry>> list(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  std::vector<Entry> entries;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (is_hidden(name)) continue;
    // Where a link leads nowhere, this is an error that reading the file will tell.
    std::error_code unknown;
    entries.push_back({std::move(name), entry->is_directory(unknown)});
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot list ", folder));
  return entries;
}

std::string join(absl::string_view folder, absl::string_view name) {
  return folder.empty() ? std::string(name) : absl::StrCat(folder, "/", name);
}

// Walks through one class.
class ClassWalk {
 public:
  explicit ClassWalk(std::string class_path) : class_path_(std::move(class_path)) {}

  // `folder` is relative to the class.
  absl::Status visit(const std::string& folder) {
    const std::string path = folder.empty() ? class_path_ : join(class_path_, folder);
    // Looked at before it is listed: what changes in between makes the time that is kept too old.
    struct stat status;
    if (stat(path.c_str(), &status) != 0) return absl::ErrnoToStatus(errno, path);
    const std::pair<dev_t, ino_t> identity(status.st_dev, status.st_ino);
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, " is a link to a folder that it lies in, which has no end"));
    }
    COMPOSER_ASSIGN_OR_RETURN(const std::vector<Entry> entries, list(path));

    Content& content = folders_[folder];
    content.mtime_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    content.inode = status.st_ino;
    above_.push_back(identity);
    for (const Entry& entry : entries) {
      if (entry.is_folder) {
        COMPOSER_RETURN_IF_ERROR(visit(join(folder, entry.name)));
      } else if (is_image_name(entry.name)) {
        content.images.push_back(entry.name);
      }
    }
    above_.pop_back();
    std::sort(content.images.begin(), content.images.end());
    return absl::OkStatus();
  }

  // False when there are no images.
  bool add_to(const std::string& class_folder, ImageFolderFiles& files) const {
    const int64_t before = files.size();
    files.add_class(class_folder);
    for (const auto& [folder, content] : folders_) {
      files.add_listed({folder.empty() ? class_folder : join(class_folder, folder),
                        content.mtime_ns, content.inode});
      for (const std::string& image : content.images) files.add_file(join(folder, image));
    }
    return files.size() > before;
  }

 private:
  struct Content {
    int64_t mtime_ns = 0;
    uint64_t inode = 0;
    std::vector<std::string> images;
  };

  const std::string class_path_;
  // Ordered by path; references into it stay valid.
  std::map<std::string, Content> folders_;
  // The folders from the class's to the one that is visited.
  std::vector<std::pair<dev_t, ino_t>> above_;
};

}  // namespace

void ImageFolderFiles::add_class(std::string folder) {
  class_folders_.push_back(std::move(folder));
  starts_.push_back(size());
}

void ImageFolderFiles::add_file(absl::string_view path) {
  offsets_.push_back(names_.size());
  names_.append(path.data(), path.size());
  names_.push_back('\0');
}

int64_t ImageFolderFiles::class_of(int64_t index) const {
  return std::upper_bound(starts_.begin(), starts_.end(), index) - starts_.begin() - 1;
}

bool is_image_name(absl::string_view name) {
  return !is_hidden(name) &&
         (absl::EndsWithIgnoreCase(name, ".jpg") || absl::EndsWithIgnoreCase(name, ".jpeg") ||
          absl::EndsWithIgnoreCase(name, ".png"));
}

absl::StatusOr<std::vector<std::string>> list_class_folders(const std::string& dir) {
  COMPOSER_ASSIGN_OR_RETURN(std::vector<Entry> entries, list(dir));
  std::vector<std::string> folders;
  for (Entry& entry : entries) {
    if (entry.is_folder) folders.push_back(std::move(entry.name));
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

absl::StatusOr<ImageFolderFiles> list_image_files(const std::string& dir,
                                                  const std::vector<std::string>& class_folders) {
  ImageFolderFiles files;
  for (const std::string& class_folder : class_folders) {
    ClassWalk walk(join(dir, class_folder));
    COMPOSER_RETURN_IF_ERROR(walk.visit(""));
    if (!walk.add_to(class_folder, files)) {
      return absl::FailedPreconditionError(
          absl::StrCat("expected images (.jpg, .jpeg, .png) in the folder of each class, found none"
                       " in ",
                       join(dir, class_folder)));
    }
  }
  return files;
}

}  // namespace composer
