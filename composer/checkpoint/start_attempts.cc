#include "composer/checkpoint/start_attempts.h"

#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/base/posix_file.h"
#include "composer/base/status.h"
#include "composer/checkpoint/manifest.h"
#include "composer/checkpoint/sha256.h"
#include "composer/checkpoint/temporary_names.h"

namespace composer {
namespace {

constexpr size_t kMostBytes = 256;

std::string attempts_name(const std::string& checkpoint) {
  return absl::StrCat(".", std::filesystem::path(checkpoint).filename().string(), ".attempts");
}

// The manifest holds the hashes of all else.
absl::StatusOr<std::string> content_of(const std::string& checkpoint) {
  COMPOSER_ASSIGN_OR_RETURN(
      const std::string manifest,
      read_small_file(absl::StrCat(checkpoint, "/", kManifestName), kMaxManifestSize));
  return sha256_of(manifest);
}

int count_of(const std::string& checkpoint, const std::string& content) {
  const absl::StatusOr<std::string> text = read_small_file(attempts_path(checkpoint), kMostBytes);
  if (!text.ok()) return 0;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::StripTrailingAsciiWhitespace(*text), ' ');
  int count = 0;
  const bool known =
      fields.size() == 2 && absl::SimpleAtoi(fields[0], &count) && fields[1] == content;
  return known && count > 0 ? count : 0;
}

}  // namespace

std::string attempts_path(const std::string& checkpoint) {
  return absl::StrCat(parent_folder(checkpoint), "/", attempts_name(checkpoint));
}

int failed_starts(const std::string& checkpoint) {
  const absl::StatusOr<std::string> content = content_of(checkpoint);
  return content.ok() ? count_of(checkpoint, *content) : 0;
}

absl::Status note_start(const std::string& checkpoint) {
  COMPOSER_ASSIGN_OR_RETURN(const std::string content, content_of(checkpoint));
  const int count = count_of(checkpoint, content);
  return replace_file(parent_folder(checkpoint), attempts_name(checkpoint),
                      absl::StrCat(count + 1, " ", content, "\n"));
}

absl::Status note_success(const std::string& checkpoint) {
  return remove_path(attempts_path(checkpoint));
}

}  // namespace composer
