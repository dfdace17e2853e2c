#include "composer/data/formats/program_output.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

constexpr size_t kShown = 200;

class FileDescriptor {
 public:
  explicit FileDescriptor(int number) : number_(number) {}
  ~FileDescriptor() { close(); }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return number_; }
  void close() {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }

 private:
  int number_;
};

// The exit status as waitpid gives it; -1 when the system has lost it.
int wait_for(pid_t process) {
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return status;
}

}  // namespace

absl::StatusOr<std::string> program_output(const std::vector<std::string>& arguments,
                                           size_t limit) {
  const std::string& program = arguments.front();
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, program);
  const FileDescriptor from_program(ends[0]);
  FileDescriptor into_pipe(ends[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, into_pipe.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, into_pipe.get(), STDERR_FILENO);
  pid_t process = 0;
  const int error = posix_spawn(&process, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat(program, " cannot be started"));
  into_pipe.close();

  std::string output;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    const ssize_t count = read(from_program.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 || output.size() + static_cast<size_t>(count) > limit) {
      const int read_error = errno;
      kill(process, SIGKILL);
      wait_for(process);
      if (count < 0) return absl::ErrnoToStatus(read_error, program);
      return absl::ResourceExhaustedError(
          absl::StrCat(program, " printed more than ", limit, " bytes"));
    }
    if (count == 0) break;
    output.append(buffer.data(), static_cast<size_t>(count));
  }
  const int status = wait_for(process);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return absl::InternalError(absl::StrCat(
      program,
      WIFSIGNALED(status) ? absl::StrCat(" was ended by signal ", WTERMSIG(status))
                          : absl::StrCat(" failed with exit code ", WEXITSTATUS(status)),
      output.empty() ? "" : ": ", output.substr(0, kShown)));
}

}  // namespace composer
