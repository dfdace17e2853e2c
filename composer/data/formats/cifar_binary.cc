#include "composer/data/formats/cifar_binary.h"

#include "absl/strings/str_cat.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"

namespace composer {

absl::Status read_cifar(const std::string& path, absl::Span<const CifarLabel> labels, size_t kept,
                        CifarImages& out) {
  COMPOSER_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  const absl::Span<const uint8_t> bytes = file.bytes();
  const size_t record = labels.size() + CifarImages::kPixels;
  if (bytes.empty() || bytes.size() % record != 0) {
    return absl::DataLossError(absl::StrCat(
        path, ": byte ", bytes.size(), ": expected records of ", record, " bytes each, ",
        bytes.empty() ? "the file is empty"
                      : absl::StrCat("the file ends ", bytes.size() % record,
                                     " bytes after record ", bytes.size() / record)));
  }
  const size_t count = bytes.size() / record;
  const size_t before = out.labels.size();
  out.labels.resize(before + count);
  out.images.reserve((before + count) * CifarImages::kPixels);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* const start = bytes.data() + i * record;
    for (size_t k = 0; k < labels.size(); ++k) {
      if (start[k] >= labels[k].classes) {
        return absl::DataLossError(absl::StrCat(path, ": record ", i, ", byte ", i * record + k,
                                                ": expected a ", labels[k].name, " of 0 to ",
                                                labels[k].classes - 1, ", found ", start[k]));
      }
    }
    out.labels[before + i] = start[kept];
    out.images.insert(out.images.end(), start + labels.size(), start + record);
  }
  return absl::OkStatus();
}

}  // namespace composer
