#include "composer/checkpoint/checkpoint_writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/posix_file.h"
#include "composer/base/status.h"
#include "composer/checkpoint/hash_thread.h"
#include "composer/checkpoint/sha256.h"
#include "composer/checkpoint/temporary_names.h"

namespace composer {
namespace {

// Below it the threads' meeting costs more than it saves.
constexpr size_t kHashedBeside = size_t{1} << 20;
// The disk is told to begin each time so much has come, or it would wait for the end.
constexpr uint64_t kWrittenBehind = uint64_t{16} << 20;

// Whether there is something to replace; an error when it may not be.
absl::StatusOr<bool> replaces(const std::string& path) {
  COMPOSER_ASSIGN_OR_RETURN(const auto mode, look_at(path));
  if (!mode) return false;
  COMPOSER_ASSIGN_OR_RETURN(const auto manifest, look_at(absl::StrCat(path, "/", kManifestName)));
  if (!S_ISDIR(*mode) || !manifest) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists and is no checkpoint: it is not replaced"));
  }
  return true;
}

// For file systems that cannot exchange names. A kill between the two renames leaves neither under
// `path`; remove_leftovers puts the old one back.
absl::StatusOr<std::string> replace_in_two_steps(const std::string& temporary,
                                                 const std::string& parent,
                                                 const std::string& name) {
  const std::string path = absl::StrCat(parent, "/", name);
  const std::string old = unused_temporary_path(parent, name, TemporaryKind::kReplaced);
  COMPOSER_RETURN_IF_ERROR(rename_path(path, old));
  if (absl::Status status = rename_path(temporary, path); !status.ok()) {
    const absl::Status restored = rename_path(old, path);
    if (restored.ok()) return status;
    return annotate(restored.message(), status);
  }
  return old;
}

}  // namespace

struct CheckpointWriter::File {
  std::string name;
  std::string path;
  std::optional<uint64_t> size;
  Descriptor descriptor;
  Sha256 hash;
  uint64_t written = 0;
  // Up to here the disk was told to write.
  uint64_t behind = 0;
};

absl::StatusOr<std::unique_ptr<CheckpointWriter>> CheckpointWriter::create(
    CheckpointWriterOptions options) {
  auto writer = std::unique_ptr<CheckpointWriter>(new CheckpointWriter(std::move(options)));
  COMPOSER_RETURN_IF_ERROR(writer->keep(writer->start()));
  return writer;
}

CheckpointWriter::CheckpointWriter(CheckpointWriterOptions options)
    : options_(std::move(options)), path_(absl::StrCat(options_.parent, "/", options_.name)) {}

CheckpointWriter::~CheckpointWriter() {
  if (status_.ok()) (void)keep(absl::CancelledError());
}

absl::Status CheckpointWriter::keep(absl::Status status) {
  if (status.ok() || !status_.ok()) return status_;
  status_ = std::move(status);
  files_.clear();
  // What cannot be removed is a leftover for the next start.
  if (!temporary_.empty()) (void)remove_path(temporary_);
  return status_;
}

absl::Status CheckpointWriter::start() {
  COMPOSER_RETURN_IF_ERROR(check_file_name(options_.name));
  if (options_.name[0] == '.' || options_.name == options_.latest) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", options_.name, "\" can be no checkpoint's name: ",
                     options_.name[0] == '.' ? "it begins with a dot" : "the link has it"));
  }
  // Names that the manifest cannot hold are better refused now.
  COMPOSER_RETURN_IF_ERROR(
      format_manifest({.time = options_.time, .metrics = options_.metrics}).status());
  COMPOSER_RETURN_IF_ERROR(make_folders(options_.parent));
  COMPOSER_RETURN_IF_ERROR(replaces(path_).status());
  const std::string temporary =
      unused_temporary_path(options_.parent, options_.name, TemporaryKind::kNew);
  COMPOSER_RETURN_IF_ERROR(make_folder(temporary));
  temporary_ = temporary;
  for (const auto& [name, size] : options_.files) {
    COMPOSER_RETURN_IF_ERROR(add_file(name, size).status());
  }
  return absl::OkStatus();
}

absl::StatusOr<CheckpointWriter::File*> CheckpointWriter::add_file(const std::string& name,
                                                                   std::optional<uint64_t> size) {
  COMPOSER_RETURN_IF_ERROR(check_file_name(name));
  auto file = std::make_unique<File>();
  file->name = name;
  file->path = absl::StrCat(temporary_, "/", name);
  file->size = size;
  COMPOSER_ASSIGN_OR_RETURN(file->descriptor, open_path(file->path, O_WRONLY | O_CREAT | O_EXCL));
  COMPOSER_RETURN_IF_ERROR(preallocate(file->descriptor, file->path, size.value_or(0)));
  files_.push_back(std::move(file));
  return files_.back().get();
}

absl::Status CheckpointWriter::begin(const std::string& name, std::optional<uint64_t> size) {
  COMPOSER_RETURN_IF_ERROR(status_);
  const auto planned = std::find_if(files_.begin(), files_.end(),
                                    [&](const auto& file) { return file->name == name; });
  if (planned == files_.end()) {
    absl::StatusOr<File*> added = add_file(name, size);
    if (!added.ok()) return keep(added.status());
    current_ = *added;
    return absl::OkStatus();
  }
  current_ = planned->get();
  if (current_->written > 0 || (size && current_->size != size)) {
    return keep(absl::InvalidArgumentError(
        absl::StrCat(name, current_->written > 0 ? " is begun twice" : " was planned otherwise")));
  }
  return absl::OkStatus();
}

absl::Status CheckpointWriter::append(const void* data, size_t size) {
  COMPOSER_RETURN_IF_ERROR(status_);
  if (current_ == nullptr) {
    return keep(absl::FailedPreconditionError("append before any file is begun"));
  }
  const bool beside = size >= kHashedBeside;
  if (beside) {
    if (hash_thread_ == nullptr) hash_thread_ = std::make_unique<HashThread>();
    hash_thread_->start(current_->hash, data, size);
  } else {
    current_->hash.update(data, size);
  }
  absl::Status status = write(*current_, static_cast<const char*>(data), size);
  if (beside) hash_thread_->wait();
  return keep(std::move(status));
}

absl::Status CheckpointWriter::write(File& file, const char* data, size_t size) {
  while (size > 0) {
    const size_t piece =
        static_cast<size_t>(std::min<uint64_t>(size, file.behind + kWrittenBehind - file.written));
    COMPOSER_RETURN_IF_ERROR(write_all(file.descriptor, file.path, data, piece));
    data += piece;
    size -= piece;
    file.written += piece;
    if (file.written - file.behind < kWrittenBehind) break;
    // A hint, whose failure the sync at the end sees.
    ::sync_file_range(file.descriptor.get(), static_cast<off64_t>(file.behind),
                      static_cast<off64_t>(kWrittenBehind), SYNC_FILE_RANGE_WRITE);
    file.behind = file.written;
  }
  return absl::OkStatus();
}

absl::Status CheckpointWriter::commit() {
  COMPOSER_RETURN_IF_ERROR(status_);
  COMPOSER_RETURN_IF_ERROR(keep(write_manifest()));
  COMPOSER_RETURN_IF_ERROR(keep(publish()));
  status_ = absl::FailedPreconditionError(absl::StrCat(path_, " is already written"));
  return absl::OkStatus();
}

absl::Status CheckpointWriter::write_manifest() {
  Manifest manifest{.time = options_.time, .metrics = options_.metrics};
  for (const auto& file : files_) {
    if (file->size && *file->size != file->written) {
      return absl::FailedPreconditionError(absl::StrCat(
          file->path, " was to have ", *file->size, " bytes, ", file->written, " were written"));
    }
    COMPOSER_RETURN_IF_ERROR(sync_file(file->descriptor, file->path));
    manifest.files.push_back(
        {.name = file->name, .size = file->written, .sha256 = file->hash.finish()});
  }
  files_.clear();
  COMPOSER_ASSIGN_OR_RETURN(const std::string text, format_manifest(manifest));
  const std::string path = absl::StrCat(temporary_, "/", kManifestName);
  COMPOSER_ASSIGN_OR_RETURN(const Descriptor file, open_path(path, O_WRONLY | O_CREAT | O_EXCL));
  COMPOSER_RETURN_IF_ERROR(write_all(file, path, text.data(), text.size()));
  COMPOSER_RETURN_IF_ERROR(sync_file(file, path));
  return sync_folder(temporary_);
}

absl::Status CheckpointWriter::publish() {
  COMPOSER_ASSIGN_OR_RETURN(const bool replacing, replaces(path_));
  std::string old;
  if (!replacing) {
    COMPOSER_RETURN_IF_ERROR(rename_path(temporary_, path_));
  } else if (absl::Status status = exchange_paths(temporary_, path_); status.ok()) {
    old = temporary_;
  } else if (absl::IsUnimplemented(status)) {
    COMPOSER_ASSIGN_OR_RETURN(old,
                              replace_in_two_steps(temporary_, options_.parent, options_.name));
  } else {
    return status;
  }
  temporary_.clear();
  const std::string in_place = absl::StrCat("the checkpoint ", path_, " is complete, but");
  // Until then a power cut could bring the old one back, which must still be whole.
  COMPOSER_RETURN_IF_ERROR(annotate(in_place, sync_folder(options_.parent)));
  if (!old.empty()) COMPOSER_RETURN_IF_ERROR(annotate(in_place, remove_path(old)));
  if (options_.latest.empty()) return absl::OkStatus();
  return annotate(in_place, replace_link(options_.parent, options_.latest, options_.name));
}

}  // namespace composer
