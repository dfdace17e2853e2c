#include "composer/checkpoint/safetensors_index.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/checkpoint/json_cursor.h"

namespace composer {
namespace {

bool is_plain_name(absl::string_view file) {
  return !file.empty() && file != "." && file != ".." && !absl::StrContains(file, '/') &&
         !absl::StrContains(file, '\\') && !absl::StrContains(file, '\0');
}

void parse_files(JsonCursor& json, SafetensorsIndex& index) {
  json.expect('{');
  if (json.accept('}')) return;
  do {
    std::string name = json.string();
    json.expect(':');
    std::string file = json.string();
    if (!json.ok()) return;
    if (!is_plain_name(file)) {
      json.fail(absl::StrCat(json_quote(file), " is no name of a file beside the index"));
    }
    const auto [found, added] = index.files.emplace(std::move(name), std::move(file));
    if (!added) json.fail(absl::StrCat(json_quote(found->first), " comes twice"));
  } while (json.ok() && json.accept(','));
  json.expect('}');
}

}  // namespace

absl::StatusOr<SafetensorsIndex> parse_safetensors_index(absl::string_view text) {
  SafetensorsIndex index;
  JsonCursor json(text, "the index");
  bool found = false;
  json.expect('{');
  if (!json.accept('}')) {
    do {
      const std::string key = json.string();
      json.expect(':');
      if (key != "weight_map") {
        json.skip_value();
      } else if (found) {
        json.fail("\"weight_map\" comes twice");
      } else {
        parse_files(json, index);
        found = true;
      }
    } while (json.ok() && json.accept(','));
    json.expect('}');
  }
  json.end();
  COMPOSER_RETURN_IF_ERROR(json.status());
  if (!found) return absl::DataLossError("the index has no \"weight_map\"");
  return index;
}

}  // namespace composer
