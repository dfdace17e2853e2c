#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "composer/core/tensor_dict.h"
#include "composer/data/iterable_dataset.h"

namespace composer {

/// A record of a stream, or why it cannot be read.
struct Record {
  /// The file and the record in it.
  int64_t file;
  int64_t number;
  absl::StatusOr<TensorDict> sample;

  /// In messages: "record 17 of file 3".
  std::string name() const;
  /// One number for it, whatever the order of the files.
  int64_t id() const { return (file << 40) + number; }
};

/// The records of some of a stream's files, one file after the other. What is wrong with a file as
/// a whole is thrown: one that cannot be opened, or that has fewer records than the dataset said.
class RecordSequence {
 public:
  RecordSequence(std::shared_ptr<const IterableDataset> dataset, std::vector<int64_t> files);

  struct Position {
    /// A place in the list of files.
    size_t place = 0;
    int64_t record = 0;
  };
  Position position() const { return position_; }
  void seek(const Position& position);

  /// Nothing at the end.
  std::optional<Record> next();

  /// Passes over `count` records; how many there were. A file is not opened where the dataset knows
  /// how many records it has.
  int64_t skip(int64_t count);

 private:
  bool at_end() const { return position_.place == files_.size(); }
  int64_t file() const { return files_[position_.place]; }
  std::optional<int64_t> known() const { return dataset_->num_records(file()); }
  void next_file();
  RecordReader& reader();
  [[noreturn]] void throw_too_few() const;

  const std::shared_ptr<const IterableDataset> dataset_;
  const std::vector<int64_t> files_;
  Position position_;
  // At position_; null until something is read.
  std::unique_ptr<RecordReader> reader_;
};

}  // namespace composer
