#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "composer/data/formats/image_folder_files.h"

namespace composer {

/// The list of an image folder's files, kept in the folder itself as `.composer_index`, so that the
/// next start looks at the folders instead of at every file. It is text: a line with the version, a
/// line for each folder that was listed, the files of each class, and a checksum.
///
/// It is taken when it has exactly these class folders and no folder has changed since, by its
/// modification time and its inode. Nothing is taken, so that the folder is listed anew, when that
/// is not so and when the file is missing, damaged, of another version, or has a path that does not
/// stay inside `dir`.
std::optional<ImageFolderFiles> load_image_folder_index(
    const std::string& dir, const std::vector<std::string>& class_folders);

/// Writes the index under another name, then renames it. Unavailable when a folder changed less
/// than two seconds ago: another change might then leave its time as it is.
absl::Status save_image_folder_index(const std::string& dir, const ImageFolderFiles& files);

}  // namespace composer
