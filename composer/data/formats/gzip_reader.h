#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace composer {

/// Reads the bytes of a file, decompressed when its name ends in ".gz". Strict where zlib's gzread
/// is lenient: what is no gzip, ends early, fails its checksum, or goes on after its last member is
/// an error, with the file and the byte of it in the message. Memory: two buffers of 64 KiB.
class GzipReader {
 public:
  /// NotFound, or the error of the file system.
  static absl::StatusOr<GzipReader> open(std::string path);

  /// Fills `out`; gives fewer bytes only at the end of the data, which is then checked to be sound.
  /// DataLoss for damaged data.
  absl::StatusOr<size_t> read(absl::Span<uint8_t> out);

  /// How many bytes `read` has given, for messages: "byte 16", or "byte 16 of the decompressed
  /// data".
  std::string position() const;

  const std::string& path() const { return path_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct EndInflate {
    void operator()(z_stream* stream) const;
  };

  GzipReader() = default;

  absl::StatusOr<size_t> read_file(absl::Span<uint8_t> out);
  absl::Status refill();
  absl::Status damaged(absl::string_view what) const;

  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  int64_t file_offset_ = 0;
  int64_t given_ = 0;

  // Null for a plain file.
  std::unique_ptr<z_stream, EndInflate> stream_;
  std::vector<uint8_t> input_;
  bool at_member_start_ = true;
};

}  // namespace composer
