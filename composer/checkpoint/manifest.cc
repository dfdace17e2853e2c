#include "composer/checkpoint/manifest.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/base/utf8.h"
#include "composer/checkpoint/json_cursor.h"
#include "composer/checkpoint/sha256.h"

namespace composer {
namespace {

constexpr char kFormat[] = "composer checkpoint";
constexpr int64_t kVersion = 1;

// Name and value in both directions.
constexpr std::pair<absl::string_view, int64_t Timestamp::*> kCounters[] = {
    {"iteration", &Timestamp::iteration}, {"epoch", &Timestamp::epoch},
    {"batch", &Timestamp::batch},         {"sample", &Timestamp::sample},
    {"token", &Timestamp::token},
};
constexpr absl::string_view kNanoseconds = "nanoseconds";

std::string format_body(const Manifest& manifest) {
  std::string out = absl::StrCat("{\n  \"format\": ", json_quote(kFormat),
                                 ",\n  \"version\": ", kVersion, ",\n  \"time\": {");
  for (const auto& [name, counter] : kCounters) {
    absl::StrAppend(&out, json_quote(name), ": ", manifest.time.*counter, ", ");
  }
  absl::StrAppend(&out, json_quote(kNanoseconds), ": ",
                  absl::ToInt64Nanoseconds(manifest.time.total_wct), "},\n  \"metrics\": {");
  absl::string_view separator = "\n    ";
  for (const auto& [name, value] : manifest.metrics) {
    if (!std::isfinite(value)) continue;
    absl::StrAppend(&out, separator, json_quote(name), ": ");
    append_json_number(out, value);
    separator = ",\n    ";
  }
  out += "},\n  \"files\": {";
  separator = "\n    ";
  for (const ManifestFile& file : manifest.files) {
    absl::StrAppend(&out, separator, json_quote(file.name), ": {\"size\": ", file.size,
                    ", \"sha256\": ", json_quote(file.sha256), "}");
    separator = ",\n    ";
  }
  out += "},\n";
  return out;
}

void expect_key(JsonCursor& json, absl::string_view key) {
  if (json.string() != key) json.fail(absl::StrCat("expected the field ", json_quote(key)));
  json.expect(':');
}

void read_version(JsonCursor& json) {
  json.expect('{');
  expect_key(json, "format");
  if (json.string() != kFormat) json.fail("it is no checkpoint's manifest");
  json.expect(',');
  expect_key(json, "version");
  const int64_t version = json.integer();
  if (json.ok() && version != kVersion) {
    json.fail(
        absl::StrCat("it has version ", version, " of the format, this program reads ", kVersion));
  }
  json.expect(',');
}

void read_time(JsonCursor& json, Timestamp& time) {
  expect_key(json, "time");
  json.expect('{');
  for (const auto& [name, counter] : kCounters) {
    expect_key(json, name);
    time.*counter = json.integer();
    json.expect(',');
  }
  expect_key(json, kNanoseconds);
  time.total_wct = absl::Nanoseconds(json.integer());
  json.expect('}');
}

// Calls `read_value` with each name of an object, after its colon.
template <typename ReadValue>
void read_object(JsonCursor& json, absl::string_view key, ReadValue read_value) {
  expect_key(json, key);
  json.expect('{');
  if (json.accept('}')) return;
  do {
    const std::string name = json.string();
    json.expect(':');
    if (json.ok()) read_value(name);
  } while (json.ok() && json.accept(','));
  json.expect('}');
}

void read_file(JsonCursor& json, ManifestFile& file) {
  json.expect('{');
  expect_key(json, "size");
  file.size = static_cast<uint64_t>(json.integer());
  json.expect(',');
  expect_key(json, "sha256");
  file.sha256 = json.string();
  json.expect('}');
}

}  // namespace

absl::Status check_file_name(absl::string_view name) {
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find_first_of(absl::string_view("/\0", 2)) == absl::string_view::npos;
  if (!plain || !is_utf8(name) || name == kManifestName) {
    return absl::InvalidArgumentError(
        absl::StrCat(json_quote(name), " can be no file of a checkpoint"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> format_manifest(const Manifest& manifest) {
  for (const auto& [name, counter] : kCounters) {
    if (manifest.time.*counter < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the counter ", name, " is ", manifest.time.*counter));
    }
  }
  for (const auto& [name, value] : manifest.metrics) {
    if (!is_utf8(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the metric ", json_quote(name), " is not UTF-8"));
    }
  }
  std::set<absl::string_view> names;
  for (const ManifestFile& file : manifest.files) {
    COMPOSER_RETURN_IF_ERROR(check_file_name(file.name));
    if (!names.insert(file.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("the file ", file.name, " comes twice"));
    }
  }
  std::string text = format_body(manifest);
  absl::StrAppend(&text, "  \"sha256\": ", json_quote(sha256_of(text)), "\n}\n");
  if (text.size() > kMaxManifestSize) {
    return absl::InvalidArgumentError(
        absl::StrCat("the manifest has ", text.size(), " bytes, more than the ", kMaxManifestSize,
                     " that may be: there are too many files or metrics"));
  }
  return text;
}

absl::StatusOr<Manifest> parse_manifest(absl::string_view text) {
  if (text.size() > kMaxManifestSize) {
    return absl::DataLossError(
        absl::StrCat("it has ", text.size(), " bytes, more than any manifest"));
  }
  JsonCursor json(text, "the manifest");
  Manifest manifest;
  read_version(json);
  read_time(json, manifest.time);
  json.expect(',');
  read_object(json, "metrics", [&](const std::string& name) {
    if (!manifest.metrics.emplace(name, json.number()).second) json.fail("a metric comes twice");
  });
  json.expect(',');
  read_object(json, "files", [&](const std::string& name) {
    manifest.files.push_back({.name = name});
    read_file(json, manifest.files.back());
  });
  json.expect(',');
  expect_key(json, "sha256");
  (void)json.string();
  json.expect('}');
  json.end();
  COMPOSER_RETURN_IF_ERROR(json.status());
  const absl::StatusOr<std::string> written = format_manifest(manifest);
  if (!written.ok()) return absl::DataLossError(written.status().message());
  if (*written != text) {
    return absl::DataLossError("it is not as it was written: its checksum does not hold");
  }
  return manifest;
}

}  // namespace composer
