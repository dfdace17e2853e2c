#include "composer/loggers/status_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

constexpr int kFallbackColumns = 80;

}  // namespace

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string lower = absl::AsciiStrToLower(value);
    return absl::StrContains(lower, "utf-8") || absl::StrContains(lower, "utf8");
  }
  return false;
}

int StatusLine::columns() const {
  winsize size = {};
  const bool known = ::ioctl(file_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  // The last column stays free: a cursor behind it would be on the next line.
  return (known ? size.ws_col : kFallbackColumns) - 1;
}

void StatusLine::draw(absl::string_view text) {
  write(absl::StrCat(erase(), text));
  drawn_columns_ = columns();
}

void StatusLine::print(absl::string_view line) {
  write(absl::StrCat(erase(), line, "\n"));
  drawn_columns_ = 0;
}

void StatusLine::clear() {
  if (drawn_columns_ > 0) write(erase());
  drawn_columns_ = 0;
}

std::string StatusLine::erase() const {
  if (drawn_columns_ == 0) return "";
  std::string text = "\r";
  // A window that has become narrower broke the line into several.
  const int now = columns() + 1;
  const int rows_above = drawn_columns_ / now;
  if (rows_above > 0) absl::StrAppend(&text, "\033[", rows_above, "A");
  return absl::StrCat(text, "\033[J");
}

void StatusLine::write(absl::string_view text) const {
  while (!text.empty()) {
    const ssize_t written = ::write(file_, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(written);
  }
}

}  // namespace composer
