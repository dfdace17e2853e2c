#include "composer/data/sources/cifar.h"

#include <c10/util/Exception.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/data/sources/targets.h"

namespace composer {
namespace {

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// What may be the reason that a file is not there.
std::string hint(const std::filesystem::path& dir, const std::string& file,
                 const std::string& folder, const std::string& python_file) {
  if (is_there(dir / folder / file)) return absl::StrCat("; ", (dir / folder).string(), " has it");
  if (is_there(dir / python_file)) {
    return "; this is CIFAR's Python version, where the binary version is needed";
  }
  return "";
}

}  // namespace

absl::StatusOr<CifarImages> Cifar::read(const std::string& dir, const std::string& name,
                                        const Layout& layout) {
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) {
    return field_error("dir", absl::StrCat("there is no folder ", dir));
  }
  CifarImages images;
  images.images.reserve(layout.records * CifarImages::kPixels);
  size_t first_count = 0;
  for (const std::string& file : layout.files) {
    const std::string path = (std::filesystem::path(dir) / file).string();
    if (!is_there(path)) {
      return field_error("dir", absl::StrCat(dir, " has no ", file,
                                             hint(dir, file, layout.folder, layout.python_file)));
    }
    const size_t before = images.labels.size();
    const absl::Status status = read_cifar(path, layout.labels, layout.kept_label, images);
    if (!status.ok()) return field_error("dir", status.message());
    const size_t count = images.labels.size() - before;
    if (before == 0) first_count = count;
    if (count != first_count) {
      return field_error(
          "dir", absl::StrCat(path, " has ", count, " records, but ", layout.files[0], " has ",
                              first_count, "; one of them is not complete"));
    }
  }
  if (static_cast<int64_t>(images.labels.size()) != layout.records) {
    LOG(WARNING) << name << ": " << dir << " has " << images.labels.size()
                 << " images; the original has " << layout.records;
  }
  return images;
}

Cifar::Cifar(std::string name, CifarImages images, ChannelStatistics statistics)
    : name_(std::move(name)), images_(std::move(images)), statistics_(std::move(statistics)) {}

ImageView Cifar::image(int64_t index, std::vector<uint8_t>&) const {
  TORCH_CHECK_INDEX(index >= 0 && index < size(), "there is no sample ", index, " among ", size());
  return planar_image(images_.images.data() + index * CifarImages::kPixels, 3, CifarImages::kSide,
                      CifarImages::kSide);
}

Batch Cifar::companions(absl::Span<const int64_t> indices) const {
  return make_targets(indices, [&](int64_t index) { return images_.labels[index]; });
}

}  // namespace composer
