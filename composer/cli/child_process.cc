#include "composer/cli/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "composer/cli/interrupt.h"

namespace composer {
namespace {

constexpr absl::Duration kBetweenLooks = absl::Milliseconds(10);

class FileActions {
 public:
  explicit FileActions(const std::string& output) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions_, STDOUT_FILENO, output.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0666);
    posix_spawn_file_actions_adddup2(&actions_, STDOUT_FILENO, STDERR_FILENO);
  }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }

  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

int wait_for(pid_t process) {
  bool passed_on = false;
  int status = 0;
  while (::waitpid(process, &status, WNOHANG) != process) {
    if (SignalScope::pending() && !passed_on) {
      ::kill(process, SignalScope::received());
      passed_on = true;
    }
    absl::SleepFor(kBetweenLooks);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

absl::StatusOr<int> run_this_program(const std::vector<std::string>& arguments,
                                     const std::string& output) {
  std::vector<std::string> words = {"composer"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const FileActions actions(output);
  pid_t process;
  const int error =
      ::posix_spawn(&process, "/proc/self/exe", actions.get(), nullptr, argv.data(), environ);
  if (error != 0) return absl::ErrnoToStatus(error, "cannot start a process of this program");
  return wait_for(process);
}

}  // namespace composer
