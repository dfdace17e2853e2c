#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "composer/base/time.h"
#include "composer/checkpoint/manifest.h"

namespace composer {

class HashThread;

struct CheckpointWriterOptions {
  /// The folder that holds the checkpoints; made when it is missing.
  std::string parent;
  /// The checkpoint's folder in it. An existing checkpoint of this name is replaced, at once where
  /// the file system can exchange two names; another folder or file of this name is an error.
  std::string name;
  /// What the manifest says, see Manifest.
  Timestamp time;
  std::map<std::string, double> metrics;
  /// Files and their sizes in bytes, as far as they are known: their space is taken first, so that
  /// a full disk shows before anything is written.
  std::vector<std::pair<std::string, uint64_t>> files;
  /// The symbolic link in `parent` that moves to the checkpoint when all is done; empty for none.
  std::string latest = "latest";
};

/// Writes a checkpoint: a folder of files that appears under its name complete or not at all,
/// whatever happens, a power cut included. Until `commit`, all is in a folder with a temporary name
/// beside it (temporary_names.h); each file is hashed while it is written, the manifest comes last.
///
/// The first error, which names path and reason, removes what was written, and all that follows
/// returns it too. Only an error after the checkpoint has its name leaves it there, complete, and
/// says so. One thread at a time.
class CheckpointWriter {
 public:
  static absl::StatusOr<std::unique_ptr<CheckpointWriter>> create(CheckpointWriterOptions options);

  /// Without a commit nothing is left behind.
  ~CheckpointWriter();

  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Turns to the file `name`, which ends the one before. Its size may be named in the options or
  /// here; what is written must then be as long.
  absl::Status begin(const std::string& name, std::optional<uint64_t> size = std::nullopt);

  /// Appends to the file begun last. The bytes are not copied. Large pieces are best: one of a few
  /// MiB and more is hashed in a second thread while this one writes it.
  absl::Status append(const void* data, size_t size);

  /// Syncs all, and gives the folder its name, then the link.
  absl::Status commit();

 private:
  struct File;

  explicit CheckpointWriter(CheckpointWriterOptions options);

  absl::Status start();
  absl::StatusOr<File*> add_file(const std::string& name, std::optional<uint64_t> size);
  absl::Status write(File& file, const char* data, size_t size);
  absl::Status write_manifest();
  absl::Status publish();
  /// Keeps the first error and removes what was written.
  absl::Status keep(absl::Status status);

  const CheckpointWriterOptions options_;
  const std::string path_;
  /// Empty when there is none.
  std::string temporary_;
  std::vector<std::unique_ptr<File>> files_;
  File* current_ = nullptr;
  std::unique_ptr<HashThread> hash_thread_;
  absl::Status status_;
};

}  // namespace composer
