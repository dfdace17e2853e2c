#include "tests/cli/run_command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace composer::testing {
namespace {

// In the child: becomes the command, or exits.
[[noreturn]] void become(const std::vector<std::string>& arguments, const std::string& folder,
                         const std::map<std::string, std::string>& environment,
                         const std::string& out, const std::string& err) {
  const std::string program = data_file("composer/cli/composer");
  const int none = ::open("/dev/null", O_RDONLY);
  const int out_file = ::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int err_file = ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
  ::dup2(none, STDIN_FILENO);
  ::dup2(out_file, STDOUT_FILENO);
  ::dup2(err_file, STDERR_FILENO);
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
  std::vector<std::string> words = {"composer"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (::chdir(folder.c_str()) == 0) ::execv(program.c_str(), argv.data());
  _exit(127);
}

}  // namespace

Command::Command(std::vector<std::string> arguments, const std::string& folder,
                 const std::map<std::string, std::string>& environment) {
  const std::string output = fresh_folder();
  out_ = output + "/out";
  err_ = output + "/err";
  process_ = ::fork();
  if (process_ == 0) become(arguments, folder, environment, out_, err_);
}

Command::~Command() {
  if (ended()) return;
  ::kill(process_, SIGKILL);
  wait();
}

bool Command::ended() {
  if (!ended_) ended_ = ::waitpid(process_, &status_, WNOHANG) == process_;
  return ended_;
}

bool Command::wait_for_stderr(absl::string_view text, absl::Duration limit) {
  const absl::Time end = absl::Now() + limit;
  while (absl::Now() < end) {
    if (absl::StrContains(read_text(err_), text)) return true;
    if (ended()) return absl::StrContains(read_text(err_), text);
    absl::SleepFor(absl::Milliseconds(5));
  }
  return false;
}

void Command::send(int signal) { ::kill(process_, signal); }

CommandResult Command::wait() {
  if (!ended_) ended_ = ::waitpid(process_, &status_, 0) == process_;
  return {.exit_code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_),
          .out = read_text(out_),
          .err = read_text(err_)};
}

CommandResult run_command(std::vector<std::string> arguments, const std::string& folder,
                          const std::map<std::string, std::string>& environment) {
  return Command(std::move(arguments), folder, environment).wait();
}

std::string fresh_folder() {
  std::string name = absl::StrCat(::testing::TempDir(), "/cli_XXXXXX");
  EXPECT_NE(::mkdtemp(name.data()), nullptr) << name;
  return name;
}

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const std::string& path, absl::string_view text) { std::ofstream(path) << text; }

std::string data_file(absl::string_view path) {
  const char* const runfiles = ::getenv("TEST_SRCDIR");
  // `bazel run` sets no variables, and starts in the same folder.
  if (runfiles == nullptr) return (std::filesystem::current_path() / std::string(path)).string();
  return absl::StrCat(runfiles, "/", ::getenv("TEST_WORKSPACE"), "/", path);
}

}  // namespace composer::testing
