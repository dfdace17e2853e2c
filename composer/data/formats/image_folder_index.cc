#include "composer/data/formats/image_folder_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "composer/base/atomic_file.h"
#include "composer/base/random.h"
#include "composer/base/status.h"
#include "composer/data/formats/file_bytes.h"

namespace composer {
namespace {

constexpr absl::string_view kFirstLine = "composer image index 1\n";
constexpr absl::string_view kChecksum = "checksum ";
constexpr int64_t kMaxBytes = int64_t{1} << 32;
constexpr int64_t kSettledNs = 2'000'000'000;

std::string index_path(const std::string& dir) { return absl::StrCat(dir, "/.composer_index"); }

std::string last_line(absl::string_view body) {
  return absl::StrFormat("%s%016x\n", kChecksum, hash_name(body));
}

// Whether `path`, taken in some folder, stays in it.
bool stays_inside(absl::string_view path) {
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == ".." || absl::StrContains(part, '\0')) return false;
  }
  return true;
}

// Takes lines apart; what is wrong in one makes all that comes after it wrong.
class Lines {
 public:
  explicit Lines(absl::string_view text) : rest_(text) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }
  bool starts_with(absl::string_view word) const { return absl::StartsWith(rest_, word); }

  // Up to `end`, which is left out.
  absl::string_view take(char end) {
    const size_t size = rest_.find(end);
    if (size == absl::string_view::npos) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const absl::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return taken;
  }

  void expect(absl::string_view word) { ok_ = take(' ') == word && ok_; }

  template <typename Number>
  Number number() {
    Number value = 0;
    ok_ = absl::SimpleAtoi(take(' '), &value) && ok_;
    return value;
  }

  // The rest of the line.
  std::string path() {
    const absl::string_view line = take('\n');
    std::string path(line);
    if (absl::StrContains(line, '\\')) ok_ = absl::CUnescape(line, &path) && ok_;
    ok_ = stays_inside(path) && ok_;
    return path;
  }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

absl::string_view file_name(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

// The text without its last line.
std::optional<ImageFolderFiles> parse(absl::string_view body) {
  if (!absl::ConsumePrefix(&body, kFirstLine)) return std::nullopt;
  ImageFolderFiles files;
  Lines lines(body);
  while (lines.ok() && lines.starts_with("folder ")) {
    lines.expect("folder");
    const int64_t mtime_ns = lines.number<int64_t>();
    const uint64_t inode = lines.number<uint64_t>();
    files.add_listed({lines.path(), mtime_ns, inode});
  }
  while (lines.ok() && !lines.at_end()) {
    lines.expect("class");
    const int64_t count = lines.number<int64_t>();
    files.add_class(lines.path());
    for (int64_t i = 0; i < count && lines.ok(); ++i) {
      const std::string path = lines.path();
      if (!lines.ok() || !is_image_name(file_name(path))) return std::nullopt;
      files.add_file(path);
    }
  }
  if (!lines.ok()) return std::nullopt;
  return files;
}

bool is_current(const std::string& dir, const ImageFolderFiles& files) {
  std::set<absl::string_view> listed;
  for (const ListedFolder& folder : files.listed()) {
    struct stat status;
    if (stat(absl::StrCat(dir, "/", folder.path).c_str(), &status) != 0) return false;
    const int64_t mtime_ns =
        int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
    if (mtime_ns != folder.mtime_ns || status.st_ino != folder.inode) return false;
    listed.insert(folder.path);
  }
  return std::all_of(files.class_folders().begin(), files.class_folders().end(),
                     [&](const std::string& folder) { return listed.count(folder) > 0; });
}

std::string text_of(const ImageFolderFiles& files) {
  std::string text(kFirstLine);
  for (const ListedFolder& folder : files.listed()) {
    absl::StrAppend(&text, "folder ", folder.mtime_ns, " ", folder.inode, " ",
                    absl::Utf8SafeCEscape(folder.path), "\n");
  }
  int64_t index = 0;
  for (size_t i = 0; i < files.class_folders().size(); ++i) {
    int64_t end = index;
    while (end < files.size() && files.class_of(end) == static_cast<int64_t>(i)) ++end;
    absl::StrAppend(&text, "class ", end - index, " ",
                    absl::Utf8SafeCEscape(files.class_folders()[i]), "\n");
    for (; index < end; ++index) {
      absl::StrAppend(&text, absl::Utf8SafeCEscape(files.file(index)), "\n");
    }
  }
  text += last_line(text);
  return text;
}

}  // namespace

std::optional<ImageFolderFiles> load_image_folder_index(
    const std::string& dir, const std::vector<std::string>& class_folders) {
  std::vector<uint8_t> buffer;
  const auto bytes = read_file_bytes(index_path(dir), kMaxBytes, buffer);
  if (!bytes.ok()) return std::nullopt;
  const absl::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  const size_t body_size = text.size() - std::min(text.size(), last_line("").size());
  const absl::string_view body = text.substr(0, body_size);
  if (text.substr(body_size) != last_line(body)) return std::nullopt;
  std::optional<ImageFolderFiles> files = parse(body);
  if (files && (files->class_folders() != class_folders || !is_current(dir, *files))) {
    return std::nullopt;
  }
  return files;
}

absl::Status save_image_folder_index(const std::string& dir, const ImageFolderFiles& files) {
  const int64_t now_ns = absl::GetCurrentTimeNanos();
  for (const ListedFolder& folder : files.listed()) {
    if (folder.mtime_ns > now_ns - kSettledNs) {
      return absl::UnavailableError(
          absl::StrCat(dir, "/", folder.path, " changed less than two seconds ago"));
    }
  }
  const std::string path = index_path(dir);
  COMPOSER_RETURN_IF_ERROR(write_file_atomically(path, text_of(files)));
  // For everyone who may read the images, not only for the one who wrote the list.
  if (chmod(path.c_str(), 0644) != 0) return absl::ErrnoToStatus(errno, path);
  return absl::OkStatus();
}

}  // namespace composer
