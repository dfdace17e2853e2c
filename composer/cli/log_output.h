#pragma once

#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "composer/base/logging.h"

namespace composer {

/// Where log messages go while it lives, in the place of glog's own: to stderr as plain sentences,
/// and, once `open` was called, to a file with time and severity. Takes over glog for the process.
class LogOutput : public google::LogSink {
 public:
  /// `terminal`: stderr may hold a progress bar, which a message replaces. `verbosity` is VLOG's.
  LogOutput(bool terminal, int verbosity);
  ~LogOutput() override;

  /// Appends to the file from now on, which is made where there is none.
  absl::Status open(const std::string& path);

  /// A line for people: to the file and to stderr.
  void say(absl::string_view line);
  /// A line for the file alone.
  void note(absl::string_view line);
  /// Errors as the command shows them: to the file and to stderr, as they are.
  void fail(absl::string_view lines);

  void send(google::LogSeverity severity, const char* full_filename, const char* base_filename,
            int line, const google::LogMessageTime& time, const char* message,
            size_t message_size) override;
  using google::LogSink::send;

 private:
  void write_stderr(absl::string_view text);
  void write_file(char severity, absl::string_view text);

  bool terminal_;
  std::mutex mutex_;
  int file_ = -1;
};

}  // namespace composer
