#include "composer/checkpoint/safetensors_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/json_text.h"
#include "composer/base/status.h"
#include "composer/checkpoint/json_cursor.h"

namespace composer {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian");

constexpr char kMetadata[] = "__metadata__";

// More than any library's tensors have.
constexpr size_t kMaxDimensions = 64;

struct Dtype {
  absl::string_view name;
  int64_t bytes;
};

// In the order in which the reference implementation writes their tensors, backwards.
constexpr std::array<Dtype, 17> kDtypes = {{
    {"BOOL", 1},
    {"U8", 1},
    {"I8", 1},
    {"F8_E5M2", 1},
    {"F8_E4M3", 1},
    {"F8_E8M0", 1},
    {"I16", 2},
    {"U16", 2},
    {"F16", 2},
    {"BF16", 2},
    {"I32", 4},
    {"U32", 4},
    {"F32", 4},
    {"C64", 8},
    {"F64", 8},
    {"I64", 8},
    {"U64", 8},
}};

size_t rank_of(absl::string_view dtype) {
  const auto found = std::find_if(kDtypes.begin(), kDtypes.end(),
                                  [&](const Dtype& known) { return known.name == dtype; });
  return found - kDtypes.begin();
}

absl::Status broken(const SafetensorsEntry& entry, absl::string_view message) {
  return absl::DataLossError(absl::StrCat("tensor ", json_quote(entry.name), ": ", message));
}

std::vector<int64_t> parse_integers(JsonCursor& json, size_t limit) {
  std::vector<int64_t> values;
  json.expect('[');
  if (json.accept(']')) return values;
  do {
    if (values.size() == limit) json.fail(absl::StrCat("a list of more than ", limit, " numbers"));
    values.push_back(json.integer());
  } while (json.ok() && json.accept(','));
  json.expect(']');
  return values;
}

void parse_metadata(JsonCursor& json, SafetensorsHeader& header) {
  std::unordered_set<std::string> keys;
  json.expect('{');
  if (json.accept('}')) return;
  do {
    std::string key = json.string();
    json.expect(':');
    std::string value = json.string();
    if (json.ok() && !keys.insert(key).second) {
      json.fail(absl::StrCat("the metadata has ", json_quote(key), " twice"));
    }
    header.metadata.emplace_back(std::move(key), std::move(value));
  } while (json.ok() && json.accept(','));
  json.expect('}');
}

SafetensorsEntry parse_entry(JsonCursor& json, std::string name) {
  SafetensorsEntry entry;
  entry.name = std::move(name);
  bool dtype = false, shape = false, offsets = false;
  json.expect('{');
  do {
    const std::string key = json.string();
    json.expect(':');
    bool* seen = nullptr;
    if (key == "dtype") {
      seen = &dtype;
      entry.dtype = json.string();
    } else if (key == "shape") {
      seen = &shape;
      entry.shape = parse_integers(json, kMaxDimensions);
    } else if (key == "data_offsets") {
      seen = &offsets;
      const std::vector<int64_t> values = parse_integers(json, 2);
      if (json.ok() && values.size() != 2) json.fail("data_offsets must be two numbers");
      if (json.ok()) entry.begin = values[0], entry.end = values[1];
    } else {
      json.fail(absl::StrCat("a tensor has dtype, shape and data_offsets, not ", json_quote(key)));
    }
    if (json.ok() && *seen) json.fail(absl::StrCat("a tensor has its ", key, " twice"));
    if (json.ok()) *seen = true;
  } while (json.ok() && json.accept(','));
  json.expect('}');
  if (json.ok() && !(dtype && shape && offsets)) {
    json.fail(absl::StrCat("the tensor ", json_quote(entry.name),
                           " must have dtype, shape and data_offsets"));
  }
  return entry;
}

// The size that dtype and shape ask for must be that of the bytes.
absl::Status check_size(const SafetensorsEntry& entry) {
  const int64_t element = safetensors_element_size(entry.dtype);
  if (element == 0) {
    return broken(entry, absl::StrCat("the dtype ", json_quote(entry.dtype), " cannot be read; ",
                                      absl::StrJoin(kDtypes, ", ",
                                                    [](std::string* out, const Dtype& dtype) {
                                                      absl::StrAppend(out, dtype.name);
                                                    }),
                                      " can"));
  }
  // An empty dimension makes no elements, but strides are made of the others all the same.
  int64_t extent = element;
  bool empty = false;
  for (const int64_t size : entry.shape) {
    empty = empty || size == 0;
    if (__builtin_mul_overflow(extent, std::max<int64_t>(size, 1), &extent)) {
      return broken(entry, "its shape is too large");
    }
  }
  const uint64_t bytes = empty ? 0 : static_cast<uint64_t>(extent);
  if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
    return broken(
        entry, absl::StrCat("its shape [", absl::StrJoin(entry.shape, ", "), "] of ", entry.dtype,
                            " needs ", bytes, " bytes, but its data_offsets are ", entry.begin,
                            " to ", entry.end));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t safetensors_element_size(absl::string_view dtype) {
  const size_t rank = rank_of(dtype);
  return rank < kDtypes.size() ? kDtypes[rank].bytes : 0;
}

absl::StatusOr<SafetensorsHeader> parse_safetensors_header(absl::string_view text,
                                                           uint64_t data_size,
                                                           TrailingBytes trailing) {
  SafetensorsHeader header;
  std::unordered_set<std::string> names;
  JsonCursor json(text);
  // The format asks for it at the very start.
  if (text.empty() || text[0] != '{') json.fail("expected \"{\"");
  json.expect('{');
  if (!json.accept('}')) {
    do {
      std::string name = json.string();
      json.expect(':');
      if (json.ok() && !names.insert(name).second) {
        json.fail(absl::StrCat(json_quote(name), " comes twice"));
      }
      if (name == kMetadata) {
        parse_metadata(json, header);
      } else if (json.ok()) {
        header.entries.push_back(parse_entry(json, std::move(name)));
      }
    } while (json.ok() && json.accept(','));
    json.expect('}');
  }
  json.end();
  if (!json.ok()) return json.status();

  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
                     return std::make_pair(a.begin, a.end) < std::make_pair(b.begin, b.end);
                   });
  uint64_t filled = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    COMPOSER_RETURN_IF_ERROR(check_size(entry));
    if (entry.begin != filled) {
      return broken(entry, absl::StrCat("its bytes begin at ", entry.begin,
                                        ", but those before it end at ", filled));
    }
    filled = entry.end;
  }
  if (filled > data_size || (filled < data_size && trailing == TrailingBytes::REFUSE)) {
    return absl::DataLossError(
        absl::StrCat("the tensors take ", filled, " bytes, but ", data_size, " follow the header"));
  }
  return header;
}

absl::StatusOr<SafetensorsLayout> parse_safetensors(absl::Span<const uint8_t> file,
                                                    TrailingBytes trailing) {
  uint64_t length = 0;
  if (file.size() < sizeof length) {
    return absl::DataLossError(
        absl::StrCat("byte 0: expected the header's length (8 bytes), found ",
                     file.empty() ? "an empty file" : absl::StrCat("only ", file.size())));
  }
  std::memcpy(&length, file.data(), sizeof length);
  const absl::Span<const uint8_t> rest = file.subspan(sizeof length);
  if (length > kMaxSafetensorsHeader || length > rest.size()) {
    return absl::DataLossError(absl::StrCat("byte 0: expected a header length of at most ",
                                            std::min<uint64_t>(kMaxSafetensorsHeader, rest.size()),
                                            ", found ", length,
                                            ": the file is truncated or no safetensors file"));
  }
  const absl::string_view json(reinterpret_cast<const char*>(rest.data()), length);
  SafetensorsLayout layout;
  COMPOSER_ASSIGN_OR_RETURN(layout.header,
                            parse_safetensors_header(json, rest.size() - length, trailing));
  layout.data = rest.subspan(length);
  return layout;
}

void lay_out(std::vector<SafetensorsEntry>& entries) {
  std::sort(entries.begin(), entries.end(),
            [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
              const size_t rank_a = rank_of(a.dtype), rank_b = rank_of(b.dtype);
              return rank_a != rank_b ? rank_a > rank_b : a.name < b.name;
            });
  uint64_t position = 0;
  for (SafetensorsEntry& entry : entries) {
    uint64_t bytes = safetensors_element_size(entry.dtype);
    for (const int64_t size : entry.shape) bytes *= size;
    entry.begin = position;
    entry.end = position += bytes;
  }
}

std::string format_safetensors_header(const SafetensorsHeader& header) {
  std::vector<std::string> items;
  if (!header.metadata.empty()) {
    std::vector<std::string> pairs;
    for (const auto& [key, value] : header.metadata) {
      pairs.push_back(absl::StrCat(json_quote(key), ":", json_quote(value)));
    }
    items.push_back(absl::StrCat("\"", kMetadata, "\":{", absl::StrJoin(pairs, ","), "}"));
  }
  for (const SafetensorsEntry& entry : header.entries) {
    items.push_back(absl::StrCat(json_quote(entry.name), ":{\"dtype\":\"", entry.dtype,
                                 "\",\"shape\":[", absl::StrJoin(entry.shape, ","),
                                 "],\"data_offsets\":[", entry.begin, ",", entry.end, "]}"));
  }
  std::string json = absl::StrCat("{", absl::StrJoin(items, ","), "}");
  json.resize((json.size() + 7) / 8 * 8, ' ');
  return json;
}

}  // namespace composer
