#pragma once

#include <cstdint>
#include <string>

#include "absl/types/span.h"

namespace composer {

/// A file for readers that take a path. Its content is replaced for each input, and lies in memory:
/// on a disk, thousands of inputs would take minutes.
class InputFile {
 public:
  /// `name` is the path's last part, which may say what is in it: "a.gz".
  explicit InputFile(const std::string& name);
  ~InputFile();

  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  void write(absl::Span<const uint8_t> bytes) const;
  const std::string& path() const { return path_; }

 private:
  int descriptor_;
  std::string folder_;
  // A link to the descriptor, in a folder of its own under TEST_TMPDIR or else /tmp.
  std::string path_;
};

}  // namespace composer
