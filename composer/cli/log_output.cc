#include "composer/cli/log_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace composer {
namespace {

// Log lines are not worth a run: what cannot be written is lost.
void write_all(int file, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(file, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(written);
  }
}

}  // namespace

LogOutput::LogOutput(bool terminal, int verbosity) : terminal_(terminal) {
  google::InitGoogleLogging("composer");
  for (int severity = 0; severity < google::NUM_SEVERITIES; ++severity) {
    google::SetLogDestination(severity, "");  // no files of glog's own
  }
  FLAGS_logtostderr = false;
  FLAGS_stderrthreshold = google::NUM_SEVERITIES;
  FLAGS_v = verbosity;
  google::AddLogSink(this);
}

LogOutput::~LogOutput() {
  google::RemoveLogSink(this);
  google::ShutdownGoogleLogging();
  if (file_ >= 0) ::close(file_);
}

absl::Status LogOutput::open(const std::string& path) {
  const std::lock_guard<std::mutex> lock(mutex_);
  file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  return absl::OkStatus();
}

void LogOutput::say(absl::string_view line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  write_stderr(line);
  write_file('I', line);
}

void LogOutput::note(absl::string_view line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  write_file('I', line);
}

void LogOutput::fail(absl::string_view lines) {
  const std::lock_guard<std::mutex> lock(mutex_);
  write_stderr(lines);
  write_file('E', lines);
}

void LogOutput::send(google::LogSeverity severity, const char* full_filename,
                     const char* base_filename, int line, const google::LogMessageTime& time,
                     const char* message, size_t message_size) {
  const absl::string_view text(message, message_size);
  const std::lock_guard<std::mutex> lock(mutex_);
  write_stderr(severity == google::GLOG_INFO      ? std::string(text)
               : severity == google::GLOG_WARNING ? absl::StrCat("warning: ", text)
                                                  : absl::StrCat("error: ", text));
  write_file(google::GetLogSeverityName(severity)[0], text);
}

void LogOutput::write_stderr(absl::string_view text) {
  write_all(STDERR_FILENO, absl::StrCat(terminal_ ? "\r\033[J" : "", text, "\n"));
}

void LogOutput::write_file(char severity, absl::string_view text) {
  if (file_ < 0) return;
  const std::string prefix =
      absl::StrCat(absl::FormatTime("%Y-%m-%d %H:%M:%E3S ", absl::Now(), absl::LocalTimeZone()),
                   std::string(1, severity), " ");
  std::string lines;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&lines, prefix, line, "\n");
  }
  write_all(file_, lines);
}

}  // namespace composer
