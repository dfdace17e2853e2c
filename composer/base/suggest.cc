#include "composer/base/suggest.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace composer {
namespace {

// Longer words are not compared: the table of distances would be large.
constexpr size_t kLongest = 100;

char folded(char c) { return c == '-' ? '_' : absl::ascii_tolower(c); }

}  // namespace

int edit_distance(absl::string_view a, absl::string_view b) {
  const size_t rows = a.size() + 1, columns = b.size() + 1;
  std::vector<int> table(rows * columns);
  const auto at = [&](size_t i, size_t j) -> int& { return table[i * columns + j]; };
  for (size_t i = 0; i < rows; ++i) at(i, 0) = static_cast<int>(i);
  for (size_t j = 0; j < columns; ++j) at(0, j) = static_cast<int>(j);
  for (size_t i = 1; i < rows; ++i) {
    for (size_t j = 1; j < columns; ++j) {
      const bool same = folded(a[i - 1]) == folded(b[j - 1]);
      at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) &&
                           folded(a[i - 2]) == folded(b[j - 1]);
      if (swapped) at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return table.back();
}

std::string nearest(absl::string_view name, const std::vector<std::string>& candidates) {
  if (name.size() > kLongest) return "";
  const int limit = std::max<int>(1, (static_cast<int>(name.size()) + 2) / 3);
  int best = limit + 1;
  std::string result;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const int distance = edit_distance(name, candidate);
    // A word with no letter in common is not a misspelling, however short both are.
    if (distance >= static_cast<int>(std::max(name.size(), candidate.size()))) continue;
    if (distance < best) {
      best = distance;
      result = candidate;
    }
  }
  return result;
}

std::string suggestion(absl::string_view name, const std::vector<std::string>& candidates) {
  const std::string near = nearest(name, candidates);
  if (!near.empty()) return absl::StrCat("did you mean \"", near, "\"?");
  if (candidates.empty()) return "none is known";
  return absl::StrCat(candidates.size() == 1 ? "known is " : "known are ",
                      enumerate(candidates, "and"));
}

std::string nearest_path(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  std::vector<std::string> names;
  fs::directory_iterator entry(parent.empty() ? "." : parent, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    names.push_back(entry->path().filename());
  }
  std::sort(names.begin(), names.end());
  const std::string near = nearest(fs::path(path).filename().string(), names);
  return near.empty() ? "" : (parent / near).string();
}

std::string enumerate(const std::vector<std::string>& items, absl::string_view conjunction) {
  if (items.size() < 2) return absl::StrJoin(items, "");
  return absl::StrCat(absl::StrJoin(items.begin(), items.end() - 1, ", "), " ", conjunction, " ",
                      items.back());
}

}  // namespace composer
