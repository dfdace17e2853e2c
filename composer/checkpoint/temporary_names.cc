#include "composer/checkpoint/temporary_names.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "composer/base/posix_file.h"
#include "composer/base/process_identity.h"
#include "composer/base/status.h"

namespace composer {
namespace {

constexpr absl::string_view kMark = ".composer-";
constexpr absl::string_view kKinds[] = {"new", "replaced", "deleted"};

struct TemporaryName {
  std::string name;
  TemporaryKind kind;
  ProcessIdentity owner;
};

std::optional<TemporaryName> parse(absl::string_view text) {
  const size_t mark = text.rfind(kMark);
  if (mark == absl::string_view::npos || mark < 2 || text[0] != '.') return std::nullopt;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text.substr(mark + kMark.size()), absl::MaxSplits('-', 1));
  const auto kind = std::find(std::begin(kKinds), std::end(kKinds), parts[0]);
  if (parts.size() != 2 || kind == std::end(kKinds)) return std::nullopt;
  const size_t hyphen = parts[1].rfind('-');
  int number;
  if (hyphen == absl::string_view::npos ||
      !absl::SimpleAtoi(parts[1].substr(hyphen + 1), &number)) {
    return std::nullopt;
  }
  const auto owner = ProcessIdentity::parse(parts[1].substr(0, hyphen));
  if (!owner) return std::nullopt;
  return TemporaryName{std::string(text.substr(1, mark - 1)),
                       static_cast<TemporaryKind>(kind - std::begin(kKinds)), *owner};
}

absl::Status remove_leftover(const std::string& parent, const std::string& leftover,
                             const TemporaryName& parsed) {
  const std::string path = absl::StrCat(parent, "/", leftover);
  const std::string original = absl::StrCat(parent, "/", parsed.name);
  if (parsed.kind == TemporaryKind::kReplaced) {
    COMPOSER_ASSIGN_OR_RETURN(const auto successor, look_at(original));
    if (!successor) return rename_path(path, original);
  }
  return remove_path(path);
}

}  // namespace

std::string unused_temporary_path(const std::string& parent, absl::string_view name,
                                  TemporaryKind kind) {
  const std::string stem =
      absl::StrCat(parent, "/.", name, kMark, kKinds[static_cast<size_t>(kind)], "-",
                   ProcessIdentity::current().to_string(), "-");
  for (int number = 0;; ++number) {
    const auto found = look_at(absl::StrCat(stem, number));
    // A folder that cannot be looked at: whatever uses the name will say so.
    if (!found.ok() || !*found) return absl::StrCat(stem, number);
  }
}

absl::StatusOr<std::vector<std::string>> remove_leftovers(const std::string& parent, bool alone) {
  std::vector<std::string> leftovers;
  std::error_code error;
  std::filesystem::directory_iterator entry(parent, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    const std::optional<TemporaryName> parsed = parse(name);
    if (!parsed) continue;
    const Liveness owner = liveness(parsed->owner);
    if (owner == Liveness::kGone || (alone && owner == Liveness::kUnknown)) {
      leftovers.push_back(name);
    }
  }
  if (error == std::errc::no_such_file_or_directory) return leftovers;
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot read ", parent));
  if (leftovers.empty()) return leftovers;
  std::sort(leftovers.begin(), leftovers.end());
  // A power cut must not bring back a good name for what is emptied here.
  COMPOSER_RETURN_IF_ERROR(sync_folder(parent));
  absl::Status first_failure;
  for (const std::string& leftover : leftovers) {
    first_failure.Update(remove_leftover(parent, leftover, *parse(leftover)));
  }
  COMPOSER_RETURN_IF_ERROR(first_failure);
  COMPOSER_RETURN_IF_ERROR(sync_folder(parent));
  return leftovers;
}

absl::Status replace_file(const std::string& parent, const std::string& name,
                          absl::string_view text) {
  const std::string temporary = unused_temporary_path(parent, name, TemporaryKind::kNew);
  absl::Cleanup remove = [&] { (void)remove_path(temporary); };
  COMPOSER_ASSIGN_OR_RETURN(const Descriptor file,
                            open_path(temporary, O_WRONLY | O_CREAT | O_EXCL));
  COMPOSER_RETURN_IF_ERROR(write_all(file, temporary, text.data(), text.size()));
  COMPOSER_RETURN_IF_ERROR(sync_file(file, temporary));
  COMPOSER_RETURN_IF_ERROR(rename_path(temporary, absl::StrCat(parent, "/", name)));
  std::move(remove).Cancel();
  return sync_folder(parent);
}

absl::Status replace_link(const std::string& parent, const std::string& name,
                          const std::string& target) {
  const std::string temporary = unused_temporary_path(parent, name, TemporaryKind::kNew);
  while (::symlink(target.c_str(), temporary.c_str()) != 0) {
    if (errno != EINTR) return errno_status("make the link", temporary);
  }
  if (absl::Status status = rename_path(temporary, absl::StrCat(parent, "/", name)); !status.ok()) {
    (void)remove_path(temporary);
    return status;
  }
  return sync_folder(parent);
}

}  // namespace composer
