#include "tests/fuzz/input_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace composer {
namespace {

void check(bool success, const std::string& what) {
  if (success) return;
  std::perror(what.c_str());
  std::abort();
}

}  // namespace

InputFile::InputFile(const std::string& name)
    : descriptor_(memfd_create(name.c_str(), MFD_CLOEXEC)) {
  check(descriptor_ >= 0, name);
  const char* const parent = std::getenv("TEST_TMPDIR");
  folder_ = std::string(parent == nullptr ? "/tmp" : parent) + "/fuzz_XXXXXX";
  check(mkdtemp(folder_.data()) != nullptr, folder_);
  path_ = folder_ + "/" + name;
  const std::string target = "/proc/self/fd/" + std::to_string(descriptor_);
  check(symlink(target.c_str(), path_.c_str()) == 0, path_);
}

InputFile::~InputFile() {
  unlink(path_.c_str());
  rmdir(folder_.c_str());
  close(descriptor_);
}

void InputFile::write(absl::Span<const uint8_t> bytes) const {
  check(ftruncate(descriptor_, 0) == 0, path_);
  const ssize_t written = pwrite(descriptor_, bytes.data(), bytes.size(), 0);
  check(written == static_cast<ssize_t>(bytes.size()), path_);
}

}  // namespace composer
