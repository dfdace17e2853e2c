#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// A folder as it was when it was listed.
struct ListedFolder {
  /// Relative to the folder of all classes: "cat/black".
  std::string path;
  int64_t mtime_ns = 0;
  uint64_t inode = 0;
};

/// The image files under a folder that has one folder for each class. About 30 bytes a file.
class ImageFolderFiles {
 public:
  /// Starts the next class.
  void add_class(std::string folder);
  /// Adds a file to the class that was started last; `path` is relative to the class's folder.
  void add_file(absl::string_view path);
  void add_listed(ListedFolder folder) { listed_.push_back(std::move(folder)); }

  int64_t size() const { return static_cast<int64_t>(offsets_.size()); }
  const std::vector<std::string>& class_folders() const { return class_folders_; }
  /// The file's class, as a position in `class_folders`.
  int64_t class_of(int64_t index) const;
  /// Relative to the class's folder.
  absl::string_view file(int64_t index) const { return names_.data() + offsets_[index]; }
  /// Every folder that was listed, those in class folders too.
  const std::vector<ListedFolder>& listed() const { return listed_; }

 private:
  std::vector<std::string> class_folders_;
  // Of each class, its first file.
  std::vector<int64_t> starts_;
  // All files' paths, each with a NUL behind it, and where each starts.
  std::string names_;
  std::vector<uint64_t> offsets_;
  std::vector<ListedFolder> listed_;
};

/// Whether torchvision's ImageFolder and we take a file of this name for an image: .jpg, .jpeg or
/// .png, in capitals or not. Hidden files are not images.
bool is_image_name(absl::string_view name);

/// The folders in `dir` but for hidden ones, links to folders included, ordered by their bytes. An
/// error of the file system names the folder.
absl::StatusOr<std::vector<std::string>> list_class_folders(const std::string& dir);

/// Lists the images in these folders of `dir`, in torchvision's order: class after class, in each
/// the folders by path and in a folder the files by name. Links to folders are followed; a link to
/// a folder that it lies in is an error, as are a folder that cannot be read and a class without an
/// image.
absl::StatusOr<ImageFolderFiles> list_image_files(const std::string& dir,
                                                  const std::vector<std::string>& class_folders);

}  // namespace composer
