#include "composer/data/formats/mds_index.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "composer/base/status.h"

namespace composer {
namespace {

using Json = nlohmann::json;

// Positions in a shard are 32 bits wide.
constexpr int64_t kMaxShard = std::numeric_limits<uint32_t>::max();

// A value of the document and the way to it.
struct Node {
  const Json* value;
  std::string path;

  absl::Status wrong(absl::string_view expected) const {
    // dump() calls itself for each level, of which a file may have any number.
    std::string found = value->is_structured()
                            ? absl::StrCat("an ", value->type_name())
                            : value->dump(-1, ' ', false, Json::error_handler_t::replace);
    if (found.size() > 40) found = absl::StrCat(found.substr(0, 40), "...");
    return absl::DataLossError(absl::StrCat(path, ": expected ", expected, ", found ", found));
  }

  absl::StatusOr<Node> member(const char* key) const {
    if (!value->is_object()) return wrong("an object");
    const auto found = value->find(key);
    const std::string inner = path.empty() ? key : absl::StrCat(path, ".", key);
    if (found == value->end()) return absl::DataLossError(absl::StrCat(inner, " is missing"));
    return Node{&*found, inner};
  }

  Node element(size_t index) const {
    return {&(*value)[index], absl::StrCat(path, "[", index, "]")};
  }

  absl::StatusOr<int64_t> integer(int64_t minimum, int64_t maximum) const {
    if (value->is_number_unsigned()) {
      const uint64_t number = value->get<uint64_t>();
      if (number >= static_cast<uint64_t>(minimum) && number <= static_cast<uint64_t>(maximum)) {
        return static_cast<int64_t>(number);
      }
    }
    return wrong(absl::StrCat("a whole number from ", minimum, " to ", maximum));
  }

  absl::StatusOr<std::string> text() const {
    if (!value->is_string()) return wrong("a string");
    return value->get<std::string>();
  }

  absl::StatusOr<size_t> list_size() const {
    if (!value->is_array()) return wrong("a list");
    return value->size();
  }
};

// A path that stays in the folder, whatever an index says.
bool stays_inside(const std::string& basename) {
  if (basename.empty() || basename[0] == '/' || basename.find('\0') != std::string::npos) {
    return false;
  }
  const std::vector<std::string> parts = absl::StrSplit(basename, '/');
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

absl::StatusOr<MdsFile> parse_file(const Node& node) {
  MdsFile file;
  COMPOSER_ASSIGN_OR_RETURN(const Node basename, node.member("basename"));
  COMPOSER_ASSIGN_OR_RETURN(file.basename, basename.text());
  if (!stays_inside(file.basename)) return basename.wrong("a path inside the folder");
  COMPOSER_ASSIGN_OR_RETURN(const Node bytes, node.member("bytes"));
  COMPOSER_ASSIGN_OR_RETURN(file.bytes, bytes.integer(0, kMaxShard));
  COMPOSER_ASSIGN_OR_RETURN(const Node hashes, node.member("hashes"));
  if (!hashes.value->is_object()) return hashes.wrong("an object");
  for (const auto& [algorithm, digest] : hashes.value->items()) {
    COMPOSER_ASSIGN_OR_RETURN(std::string text,
                              (Node{&digest, absl::StrCat(hashes.path, ".", algorithm)}).text());
    file.hashes.emplace_back(algorithm, std::move(text));
  }
  return file;
}

absl::StatusOr<std::vector<MdsColumn>> parse_columns(const Node& shard) {
  COMPOSER_ASSIGN_OR_RETURN(const Node names, shard.member("column_names"));
  COMPOSER_ASSIGN_OR_RETURN(const Node encodings, shard.member("column_encodings"));
  COMPOSER_ASSIGN_OR_RETURN(const Node sizes, shard.member("column_sizes"));
  COMPOSER_ASSIGN_OR_RETURN(const size_t count, names.list_size());
  if (count == 0) return names.wrong("at least one column");
  for (const Node& other : {encodings, sizes}) {
    COMPOSER_ASSIGN_OR_RETURN(const size_t others, other.list_size());
    if (others != count) return other.wrong(absl::StrCat(count, " elements"));
  }
  std::vector<MdsColumn> columns(count);
  std::set<std::string> seen;
  for (size_t i = 0; i < count; ++i) {
    COMPOSER_ASSIGN_OR_RETURN(columns[i].name, names.element(i).text());
    if (!seen.insert(columns[i].name).second) return names.element(i).wrong("each name once");
    COMPOSER_ASSIGN_OR_RETURN(columns[i].encoding, encodings.element(i).text());
    const Node size = sizes.element(i);
    if (!size.value->is_null()) {
      COMPOSER_ASSIGN_OR_RETURN(columns[i].size, size.integer(1, kMaxShard));
    }
  }
  return columns;
}

absl::Status check_version(const Node& node) {
  COMPOSER_ASSIGN_OR_RETURN(const Node version, node.member("version"));
  COMPOSER_ASSIGN_OR_RETURN(const int64_t number, version.integer(0, kMaxShard));
  if (number == 2) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat(version.path, ": expected 2, found ", number));
}

absl::StatusOr<bool> is_compressed(const Node& shard) {
  COMPOSER_ASSIGN_OR_RETURN(const Node node, shard.member("compression"));
  if (node.value->is_null()) return false;
  COMPOSER_ASSIGN_OR_RETURN(const std::string compression, node.text());
  if (compression.empty()) return false;
  if (compression == "zstd" || absl::StartsWith(compression, "zstd:")) return true;
  return absl::UnimplementedError(
      absl::StrCat(node.path, ": expected zstd or none, found \"", compression,
                   "\", which is not read; write the shards again with compression=\"zstd\""));
}

absl::StatusOr<MdsShardInfo> parse_shard(const Node& node) {
  COMPOSER_RETURN_IF_ERROR(check_version(node));
  COMPOSER_ASSIGN_OR_RETURN(const Node format_node, node.member("format"));
  COMPOSER_ASSIGN_OR_RETURN(const std::string format, format_node.text());
  if (format != "mds") {
    return absl::UnimplementedError(
        absl::StrCat(format_node.path, ": expected \"mds\", found \"", format, "\""));
  }
  MdsShardInfo shard;
  COMPOSER_ASSIGN_OR_RETURN(const Node samples, node.member("samples"));
  COMPOSER_ASSIGN_OR_RETURN(shard.samples, samples.integer(0, kMaxShard / 4));
  COMPOSER_ASSIGN_OR_RETURN(const Node raw, node.member("raw_data"));
  COMPOSER_ASSIGN_OR_RETURN(shard.raw, parse_file(raw));
  COMPOSER_ASSIGN_OR_RETURN(const bool compressed, is_compressed(node));
  COMPOSER_ASSIGN_OR_RETURN(const Node zip, node.member("zip_data"));
  if (compressed) {
    COMPOSER_ASSIGN_OR_RETURN(shard.zip, parse_file(zip));
  } else if (!zip.value->is_null()) {
    return zip.wrong("null where there is no compression");
  }
  return shard;
}

bool same(const std::vector<MdsColumn>& a, const std::vector<MdsColumn>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const MdsColumn& x, const MdsColumn& y) {
                      return x.name == y.name && x.encoding == y.encoding && x.size == y.size;
                    });
}

absl::StatusOr<MdsIndex> parse(const Json& json) {
  const Node root{&json, ""};
  COMPOSER_RETURN_IF_ERROR(check_version(root));
  COMPOSER_ASSIGN_OR_RETURN(const Node shards, root.member("shards"));
  COMPOSER_ASSIGN_OR_RETURN(const size_t count, shards.list_size());
  MdsIndex index;
  for (size_t i = 0; i < count; ++i) {
    const Node shard = shards.element(i);
    COMPOSER_ASSIGN_OR_RETURN(MdsShardInfo info, parse_shard(shard));
    COMPOSER_ASSIGN_OR_RETURN(std::vector<MdsColumn> columns, parse_columns(shard));
    if (i == 0) {
      index.columns = std::move(columns);
    } else if (!same(columns, index.columns)) {
      return absl::DataLossError(
          absl::StrCat(shard.path, ": expected the columns of shards[0], found others"));
    }
    index.shards.push_back(std::move(info));
  }
  return index;
}

}  // namespace

absl::StatusOr<MdsIndex> parse_mds_index(absl::string_view json, absl::string_view name) {
  Json document;
  try {
    document = Json::parse(json.begin(), json.end());
  } catch (const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    absl::string_view what = error.what();
    what.remove_prefix(std::min(what.size(), what.find("] ") + 2));
    return absl::DataLossError(absl::StrCat(name, ": ", what));
  }
  absl::StatusOr<MdsIndex> index = parse(document);
  if (!index.ok()) return annotate(name, index.status());
  return index;
}

}  // namespace composer
