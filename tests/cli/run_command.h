#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace composer::testing {

struct CommandResult {
  /// 128 + n when signal n ended it.
  int exit_code;
  std::string out;
  std::string err;
};

/// The `composer` command, started in a folder. Killed on destruction if it still runs.
class Command {
 public:
  Command(std::vector<std::string> arguments, const std::string& folder,
          const std::map<std::string, std::string>& environment = {});
  ~Command();

  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Waits until stderr has `text`; false when that takes too long, or the command has ended.
  bool wait_for_stderr(absl::string_view text, absl::Duration limit = absl::Seconds(60));
  void send(int signal);
  CommandResult wait();

 private:
  bool ended();

  pid_t process_;
  int status_ = 0;
  bool ended_ = false;
  std::string out_;
  std::string err_;
};

/// Runs the command to its end.
CommandResult run_command(std::vector<std::string> arguments, const std::string& folder,
                          const std::map<std::string, std::string>& environment = {});

/// A new folder for a test.
std::string fresh_folder();
std::string read_text(const std::string& path);
void write_text(const std::string& path, absl::string_view text);
/// A file of the repository that the test has as data.
std::string data_file(absl::string_view path);

}  // namespace composer::testing
