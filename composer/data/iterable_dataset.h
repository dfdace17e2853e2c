#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "composer/core/tensor_dict.h"

namespace composer {

/// Samples of one file (or another unit that is read from its start), one after another.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  /// Nothing at the end. Throws, with the file and the position, when a record cannot be read; the
  /// call after it gives the record after it.
  virtual std::optional<TensorDict> next() = 0;

  /// Passes over `count` records, broken ones too, without decoding them where the format allows
  /// it. How many there were: fewer at the end.
  virtual int64_t skip(int64_t count);
};

/// Samples that are read in order, from a list of files. Constant once made: several readers may be
/// open at once, in several threads.
class IterableDataset {
 public:
  virtual ~IterableDataset() = default;

  virtual int64_t num_files() const = 0;
  /// Records of a file, where that is known without reading it all.
  virtual std::optional<int64_t> num_records(int64_t file) const { return std::nullopt; }
  virtual std::unique_ptr<RecordReader> open(int64_t file) const = 0;

  /// In messages.
  virtual std::string name() const = 0;
};

}  // namespace composer
