#include "composer/checkpoint/name_report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "composer/base/suggest.h"

namespace composer {
namespace {

// Names of a large model fill screens, and the nearest one of thousands takes its time.
constexpr size_t kShown = 10;
constexpr size_t kCompared = 2000;

template <typename Item, typename Describe>
void append(std::string& text, const char* kind, const std::vector<Item>& items,
            Describe describe) {
  if (items.empty()) return;
  absl::StrAppend(&text, "\n  ", kind, " (", items.size(), "):");
  for (size_t i = 0; i < items.size() && i < kShown; ++i) {
    absl::StrAppend(&text, "\n    ", describe(items[i]));
  }
  if (items.size() > kShown) absl::StrAppend(&text, "\n    ...");
}

// Adds the nearest of the others.
auto with_nearest(std::vector<std::string> others) {
  others.resize(std::min(others.size(), kCompared));
  return [others = std::move(others)](const std::string& name) {
    const std::string near = nearest(name, others);
    return near.empty() ? name : absl::StrCat(name, "  (nearest: ", near, ")");
  };
}

}  // namespace

bool NameReport::fits() const {
  return given_twice.empty() && missing.empty() && mismatched.empty() && unexpected.empty();
}

std::string NameReport::text() const {
  std::string text;
  append(text, "given twice", given_twice, [](const std::string& name) { return name; });
  append(text, "missing", missing, with_nearest(unexpected));
  append(text, "of another shape or type", mismatched,
         [](const auto& item) { return absl::StrCat(item.first, " ", item.second); });
  append(text, "unexpected", unexpected, with_nearest(missing));
  return text;
}

}  // namespace composer
