#include "composer/cli/temporary_folder.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"

namespace composer {

namespace fs = std::filesystem;

absl::StatusOr<TemporaryFolder> TemporaryFolder::create() {
  std::error_code error;
  std::string path = (fs::temp_directory_path(error) / "composer-XXXXXX").string();
  if (error || ::mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(error ? error.value() : errno,
                               "cannot make a temporary folder (TMPDIR says where)");
  }
  return TemporaryFolder(std::move(path));
}

TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept
    : path_(std::exchange(other.path_, "")) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // nothing better can be done about what cannot be removed
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace composer
