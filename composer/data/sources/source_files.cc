#include "composer/data/sources/source_files.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/base/utf8.h"

namespace composer {

absl::StatusOr<std::vector<std::string>> files_of(
    const google::protobuf::RepeatedPtrField<std::string>& files) {
  if (files.empty()) return field_error("files", "no file is named");
  return std::vector<std::string>(files.begin(), files.end());
}

std::string name_with_files(absl::string_view kind, const std::vector<std::string>& files) {
  if (files.size() != 1) return absl::StrCat(kind, " (", files.size(), " files)");
  return absl::StrCat(kind, " (", std::filesystem::path(files[0]).filename().string(), ")");
}

std::string quote_found(absl::string_view text) {
  constexpr size_t kLongest = 40;
  size_t size = std::min(text.size(), kLongest);
  // Not within a character of UTF-8.
  while (size > 0 && size < text.size() && (text[size] & 0xc0) == 0x80) --size;
  const absl::string_view shown = text.substr(0, size);
  return absl::StrCat("\"",
                      is_utf8(shown) ? absl::Utf8SafeCHexEscape(shown) : absl::CHexEscape(shown),
                      size < text.size() ? "..." : "", "\"");
}

std::string hint(absl::string_view name, const std::vector<std::string>& candidates) {
  constexpr size_t kFew = 20;
  if (candidates.size() > kFew && nearest(name, candidates).empty()) return "";
  return absl::StrCat("; ", suggestion(name, candidates));
}

}  // namespace composer
