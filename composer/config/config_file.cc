#include "composer/config/config_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "composer/base/suggest.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargest = 16 << 20;

// The number of bytes from the start that are UTF-8 without NUL.
size_t valid_utf8_prefix(absl::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const unsigned char lead = static_cast<unsigned char>(text[i]);
    const int length = lead == 0                      ? 0
                       : lead < 0x80                  ? 1
                       : lead >= 0xc2 && lead < 0xe0  ? 2
                       : lead >= 0xe0 && lead < 0xf0  ? 3
                       : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                      : 0;
    if (length == 0 || i + length > text.size()) return i;
    uint32_t code = length == 1 ? lead : lead & (0x7f >> length);
    for (int k = 1; k < length; ++k) {
      const unsigned char next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xc0) != 0x80) return i;
      code = code << 6 | (next & 0x3f);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (overlong || surrogate || code > 0x10ffff) return i;
    i += length;
  }
  return i;
}

absl::Status unreadable(const std::string& path) {
  const int error = errno;
  if (error == ENOENT) {
    const std::string near = nearest_path(path);
    return absl::NotFoundError(
        near.empty() ? "the file does not exist"
                     : absl::StrCat("the file does not exist; did you mean \"", near, "\"?"));
  }
  return absl::InvalidArgumentError(absl::StrCat("cannot be read: ", std::strerror(error)));
}

}  // namespace

absl::StatusOr<ConfigFormat> format_of(const std::string& path) {
  const std::string ending = absl::AsciiStrToLower(fs::path(path).extension().string());
  if (ending == ".textproto" || ending == ".pbtxt") return ConfigFormat::kTextproto;
  if (ending == ".yaml" || ending == ".yml") return ConfigFormat::kYaml;
  if (ending == ".json") return ConfigFormat::kJson;
  return absl::InvalidArgumentError(
      absl::StrCat(ending.empty() ? "a file name without an ending"
                                  : absl::StrCat("unknown file name ending \"", ending, "\""),
                   "; a config ends in .textproto, .pbtxt, .yaml, .yml or .json"));
}

absl::StatusOr<std::string> read_config_text(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    return absl::InvalidArgumentError("expected a config file, found a folder");
  }
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return unreadable(path);
  std::string text;
  char buffer[1 << 16];
  size_t count;
  while ((count = std::fread(buffer, 1, sizeof(buffer), file.get())) > 0) {
    text.append(buffer, count);
    if (text.size() > kLargest) {
      return absl::InvalidArgumentError("larger than 16 MiB, which no config is");
    }
  }
  if (std::ferror(file.get())) return unreadable(path);
  const size_t valid = valid_utf8_prefix(text);
  if (valid < text.size()) {
    return absl::InvalidArgumentError(absl::StrCat("not a text file: byte ", valid + 1, " is ",
                                                   text[valid] == 0 ? "NUL" : "not UTF-8"));
  }
  absl::string_view content = text;
  absl::ConsumePrefix(&content, "\xEF\xBB\xBF");
  if (absl::StripAsciiWhitespace(content).empty()) {
    return absl::InvalidArgumentError("the file is empty");
  }
  return absl::StrReplaceAll(content, {{"\r\n", "\n"}});
}

}  // namespace composer
