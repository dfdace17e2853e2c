// The `composer` command: sets what LibTorch's OpenMP reads before main, and becomes composer_main,
// which lies beside it. Links nothing, so that it costs no time.

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string>

namespace {

// How often a waiting thread looks before it sleeps. libgomp's own number keeps a core busy for
// milliseconds after each operation, in which nobody else on the machine gets it.
constexpr char kSpinCount[] = "10000";
constexpr char kMain[] = "composer_main";
constexpr int kExitFailure = 1;

std::string own_folder() {
  char path[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size <= 0) return "";
  const std::string self(path, size);
  return self.substr(0, self.rfind('/'));
}

}  // namespace

int main(int argc, char** argv) {
  if (getenv("OMP_WAIT_POLICY") == nullptr) {
    setenv("GOMP_SPINCOUNT", kSpinCount, /*overwrite=*/0);
  }
  const std::string program = own_folder() + "/" + kMain;
  execv(program.c_str(), argv);
  fprintf(stderr, "composer: cannot run %s: %s; it belongs beside the composer command\n",
          program.c_str(), strerror(errno));
  return kExitFailure;
}
