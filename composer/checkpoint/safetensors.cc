#include "composer/checkpoint/safetensors.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "composer/base/atomic_file.h"
#include "composer/base/exceptions.h"
#include "composer/base/json_text.h"
#include "composer/base/mapped_file.h"
#include "composer/base/status.h"
#include "composer/checkpoint/safetensors_dtypes.h"
#include "composer/checkpoint/safetensors_index.h"

namespace composer {
namespace {

// Copies on all threads: much of the time goes into mapping the pages on both sides.
void copy_bytes(absl::Span<const uint8_t> from, void* to) {
  constexpr int64_t kGrain = int64_t{8} << 20;
  at::parallel_for(0, static_cast<int64_t>(from.size()), kGrain, [&](int64_t begin, int64_t end) {
    std::memcpy(static_cast<uint8_t*>(to) + begin, from.data() + begin, end - begin);
  });
}

absl::StatusOr<at::Tensor> read_tensor(absl::Span<const uint8_t> data,
                                       const SafetensorsEntry& entry) {
  const at::ScalarType dtype = *scalar_type_of(entry.dtype);
  const absl::Span<const uint8_t> bytes = data.subspan(entry.begin, entry.end - entry.begin);
  // In C++ a bool that is neither has no meaning.
  if (dtype == at::kBool &&
      std::any_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte > 1; })) {
    return absl::DataLossError(
        absl::StrCat("tensor ", json_quote(entry.name), ": a BOOL is neither 0 nor 1"));
  }
  at::Tensor tensor;
  COMPOSER_RETURN_IF_ERROR(catch_exceptions([&] {
    tensor = at::empty(entry.shape, at::TensorOptions(dtype));
    if (!bytes.empty()) copy_bytes(bytes, tensor.mutable_data_ptr());
  }));
  return tensor;
}

absl::StatusOr<SafetensorsFile> read_file(const std::string& path,
                                          const SafetensorsOptions& options) {
  COMPOSER_ASSIGN_OR_RETURN(const MappedFile file,
                            MappedFile::open(path, MappedFile::Access::SEQUENTIAL));
  const auto read = [&]() -> absl::StatusOr<SafetensorsFile> {
    COMPOSER_ASSIGN_OR_RETURN(SafetensorsLayout layout,
                              parse_safetensors(file.bytes(), options.trailing_bytes));
    SafetensorsFile result;
    result.metadata = std::move(layout.header.metadata);
    for (SafetensorsEntry& entry : layout.header.entries) {
      COMPOSER_ASSIGN_OR_RETURN(at::Tensor tensor, read_tensor(layout.data, entry));
      result.tensors.emplace_back(std::move(entry.name), std::move(tensor));
    }
    return result;
  };
  absl::StatusOr<SafetensorsFile> result = read();
  if (!result.ok()) return annotate(path, result.status());
  return result;
}

// `path` is an index.
absl::StatusOr<SafetensorsFile> read_split(const std::string& path,
                                           const SafetensorsOptions& options) {
  COMPOSER_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  const auto index = parse_safetensors_index(
      {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
  if (!index.ok()) return annotate(path, index.status());
  std::set<std::string> names;
  for (const auto& [tensor, name] : index->files) names.insert(name);
  SafetensorsFile result;
  for (const std::string& name : names) {
    const std::string part = std::filesystem::path(path).replace_filename(name).string();
    absl::StatusOr<SafetensorsFile> read = read_file(part, options);
    if (!read.ok()) return annotate(path, read.status());
    if (result.tensors.empty()) result.metadata = std::move(read->metadata);
    for (auto& [tensor, value] : read->tensors) {
      const auto found = index->files.find(tensor);
      if (found == index->files.end() || found->second != name) {
        return absl::DataLossError(absl::StrCat(path, ": ", name, " has the tensor ",
                                                json_quote(tensor),
                                                ", which the index does not say"));
      }
      result.tensors.emplace_back(tensor, std::move(value));
    }
  }
  if (result.tensors.size() == index->files.size()) return result;
  std::set<std::string> found;
  for (const auto& [tensor, value] : result.tensors) found.insert(tensor);
  const auto missing =
      std::find_if(index->files.begin(), index->files.end(),
                   [&](const auto& entry) { return found.count(entry.first) == 0; });
  return absl::DataLossError(
      absl::StrCat(path, ": ", missing->second, " lacks the tensor ", json_quote(missing->first)));
}

absl::Status write(const std::string& path, const NamedTensors& tensors,
                   const SafetensorsMetadata& metadata) {
  COMPOSER_ASSIGN_OR_RETURN(const SafetensorsStream stream,
                            SafetensorsStream::create(tensors, metadata));
  COMPOSER_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  COMPOSER_RETURN_IF_ERROR(
      stream.write([&](const void* data, size_t size) { return file.write(data, size); }));
  return file.commit();
}

}  // namespace

absl::StatusOr<SafetensorsFile> read_safetensors(const std::string& path,
                                                 const SafetensorsOptions& options) {
  namespace fs = std::filesystem;
  constexpr absl::string_view kIndex = ".index.json";
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    return absl::EndsWith(path, kIndex) ? read_split(path, options) : read_file(path, options);
  }
  const fs::path whole = fs::path(path) / "model.safetensors";
  const fs::path index = whole.string() + std::string(kIndex);
  if (fs::exists(whole, error)) return read_file(whole.string(), options);
  if (fs::exists(index, error)) return read_split(index.string(), options);
  return absl::FailedPreconditionError(absl::StrCat(
      path, " is a folder without model.safetensors and model.safetensors.index.json"));
}

absl::Status write_safetensors(const std::string& path, const NamedTensors& tensors,
                               const SafetensorsMetadata& metadata) {
  return annotate(path, catch_exceptions([&] { return write(path, tensors, metadata); }));
}

}  // namespace composer
