#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/base/mapped_file.h"
#include "composer/data/dataset.h"
#include "composer/data/iterable_dataset.h"
#include "composer/data/sources/json_fields.h"

namespace composer {

namespace config {
class JsonLines;
}

/// JSON objects, one a line, over several files. Each field that the config names is a tensor of
/// the sample. The files are mapped, and where their lines start is found once, in one pass over
/// their bytes; a line is read when its sample is asked for. Blank lines are no samples.
///
/// A broken line, or one that lacks a field, is an error of its sample, with file, line and byte.
class JsonLines final : public Dataset {
 public:
  using Config = config::JsonLines;

  /// Errors are about the fields "files" and "fields[i]...".
  static absl::StatusOr<std::shared_ptr<JsonLines>> create(const Config& config);

  int64_t size() const override { return starts_.back(); }
  TensorDict get(int64_t index) const override;
  std::string name() const override { return name_; }

 private:
  JsonLines(JsonFields fields, std::string name);

  JsonFields fields_;
  std::string name_;
  std::vector<MappedFile> files_;
  // Where each file's lines start.
  std::vector<std::vector<int64_t>> offsets_;
  // The first sample of each file, and the number of all.
  std::vector<int64_t> starts_ = {0};
};

/// The same as a stream: nothing is looked for before it is read.
class JsonLinesStream final : public IterableDataset {
 public:
  using Config = config::JsonLines;

  /// Errors are about the fields "files" and "fields[i]...".
  static absl::StatusOr<std::shared_ptr<JsonLinesStream>> create(const Config& config);

  int64_t num_files() const override { return static_cast<int64_t>(paths_.size()); }
  /// Its `skip` looks at line ends alone.
  std::unique_ptr<RecordReader> open(int64_t file) const override;
  std::string name() const override { return name_; }

 private:
  JsonLinesStream(JsonFields fields, std::vector<std::string> paths);

  std::shared_ptr<const JsonFields> fields_;
  std::vector<std::string> paths_;
  std::string name_;
};

}  // namespace composer
