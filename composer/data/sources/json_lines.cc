#include "composer/data/sources/json_lines.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/formats/json_lines.h"
#include "composer/data/registry.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

absl::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

// The sample on the line at `offset`.
TensorDict read_sample(const JsonFields& fields, const MappedFile& file, int64_t offset) {
  const absl::StatusOr<nlohmann::json> object = parse_json_line(text_of(file), offset, file.path());
  throw_if_error(object.status());
  absl::StatusOr<TensorDict> sample = fields.read(*object);
  if (!sample.ok()) {
    throw_if_error(annotate(json_line_place(text_of(file), offset, file.path()), sample.status()));
  }
  return *std::move(sample);
}

class Reader final : public RecordReader {
 public:
  Reader(std::shared_ptr<const JsonFields> fields, MappedFile file)
      : fields_(std::move(fields)), file_(std::move(file)) {}

  std::optional<TensorDict> next() override {
    const int64_t offset = next_json_line(text_of(file_), position_);
    if (offset == end()) return std::nullopt;
    pass(offset);
    return read_sample(*fields_, file_, offset);
  }

  int64_t skip(int64_t count) override {
    for (int64_t passed = 0; passed < count; ++passed) {
      const int64_t offset = next_json_line(text_of(file_), position_);
      if (offset == end()) return passed;
      pass(offset);
    }
    return count;
  }

 private:
  int64_t end() const { return static_cast<int64_t>(text_of(file_).size()); }

  // Goes behind the line at `offset`.
  void pass(int64_t offset) {
    const absl::string_view line = line_at(text_of(file_), offset);
    position_ = std::min(offset + static_cast<int64_t>(line.size()) + 1, end());
  }

  std::shared_ptr<const JsonFields> fields_;
  MappedFile file_;
  int64_t position_ = 0;
};

}  // namespace

absl::StatusOr<std::shared_ptr<JsonLines>> JsonLines::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, files_of(config.files()));
  COMPOSER_ASSIGN_OR_RETURN(JsonFields fields, JsonFields::create(config));
  auto lines = std::shared_ptr<JsonLines>(
      new JsonLines(std::move(fields), name_with_files("json_lines", paths)));
  for (const std::string& path : paths) {
    absl::StatusOr<MappedFile> file = MappedFile::open(path);
    if (!file.ok()) return field_error("files", file.status().message());
    lines->offsets_.push_back(json_line_offsets(text_of(*file)));
    lines->starts_.push_back(lines->size() + static_cast<int64_t>(lines->offsets_.back().size()));
    lines->files_.push_back(*std::move(file));
  }
  if (lines->size() == 0) return field_error("files", absl::StrCat(lines->name(), " has no lines"));
  return lines;
}

JsonLines::JsonLines(JsonFields fields, std::string name)
    : fields_(std::move(fields)), name_(std::move(name)) {}

TensorDict JsonLines::get(int64_t index) const {
  TORCH_CHECK_INDEX(index >= 0 && index < size(), "there is no sample ", index, " among ", size());
  const size_t file = std::upper_bound(starts_.begin(), starts_.end(), index) - starts_.begin() - 1;
  return read_sample(fields_, files_[file], offsets_[file][index - starts_[file]]);
}

absl::StatusOr<std::shared_ptr<JsonLinesStream>> JsonLinesStream::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(std::vector<std::string> paths, files_of(config.files()));
  COMPOSER_ASSIGN_OR_RETURN(JsonFields fields, JsonFields::create(config));
  for (const std::string& path : paths) {
    const absl::StatusOr<MappedFile> file = MappedFile::open(path);
    if (!file.ok()) return field_error("files", file.status().message());
  }
  return std::shared_ptr<JsonLinesStream>(new JsonLinesStream(std::move(fields), std::move(paths)));
}

JsonLinesStream::JsonLinesStream(JsonFields fields, std::vector<std::string> paths)
    : fields_(std::make_shared<const JsonFields>(std::move(fields))),
      paths_(std::move(paths)),
      name_(name_with_files("json_lines", paths_)) {}

std::unique_ptr<RecordReader> JsonLinesStream::open(int64_t file) const {
  TORCH_CHECK_INDEX(file >= 0 && file < num_files(), "there is no file ", file, " among ",
                    num_files());
  absl::StatusOr<MappedFile> mapped =
      MappedFile::open(paths_[file], MappedFile::Access::SEQUENTIAL);
  throw_if_error(mapped.status());
  return std::make_unique<Reader>(fields_, *std::move(mapped));
}

COMPOSER_REGISTER(Dataset, JsonLines);
COMPOSER_REGISTER(IterableDataset, JsonLinesStream);

}  // namespace composer
