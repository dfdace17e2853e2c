#include "composer/base/process_identity.h"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace composer {
namespace {

struct ProcessRecord {
  char state = '?';
  int64_t start = 0;
};

std::optional<ProcessRecord> record_of(int64_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  // "PID (NAME) STATE ...": a name may hold anything, spaces and brackets too.
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(text).substr(name_end + 2), ' ');
  constexpr size_t kState = 0, kStart = 19;
  ProcessRecord record;
  if (fields.size() <= kStart || fields[kState].size() != 1 ||
      !absl::SimpleAtoi(fields[kStart], &record.start)) {
    return std::nullopt;
  }
  record.state = fields[kState][0];
  return record;
}

std::string host_name() {
  char name[HOST_NAME_MAX + 1] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

ProcessIdentity ProcessIdentity::current() {
  const int64_t pid = ::getpid();
  const std::optional<ProcessRecord> record = record_of(pid);
  return {.host = host_name(), .pid = pid, .start = record ? record->start : 0};
}

std::string ProcessIdentity::to_string() const { return absl::StrCat(host, "-", pid, "-", start); }

std::optional<ProcessIdentity> ProcessIdentity::parse(absl::string_view text) {
  // A host's name may hold hyphens.
  std::vector<absl::string_view> parts = absl::StrSplit(text, '-');
  ProcessIdentity identity;
  if (parts.size() < 3 || !absl::SimpleAtoi(parts.back(), &identity.start) ||
      !absl::SimpleAtoi(parts[parts.size() - 2], &identity.pid) || identity.pid <= 0) {
    return std::nullopt;
  }
  const size_t tail = parts.back().size() + parts[parts.size() - 2].size() + 2;
  identity.host = std::string(text.substr(0, text.size() - tail));
  if (identity.host.empty()) return std::nullopt;
  return identity;
}

Liveness liveness(const ProcessIdentity& process) {
  if (process.host != host_name()) return Liveness::kUnknown;
  if (::kill(static_cast<pid_t>(process.pid), 0) != 0 && errno == ESRCH) return Liveness::kGone;
  const std::optional<ProcessRecord> record = record_of(process.pid);
  if (!record) return Liveness::kRunning;
  const bool ended = record->state == 'Z' || record->state == 'X';
  const bool another = process.start != 0 && record->start != process.start;
  return ended || another ? Liveness::kGone : Liveness::kRunning;
}

}  // namespace composer
