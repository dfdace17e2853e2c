#include "composer/data/formats/json_lines.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace composer {
namespace {

using nlohmann::json;

constexpr size_t kDepthLimit = 64;
// Of a message: keys and numbers in it may be any length.
constexpr size_t kLongestProblem = 200;
constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

// The end of the line at `offset`: where its LF is, or the text's end.
size_t line_end(absl::string_view text, size_t offset) {
  const void* end = std::memchr(text.data() + offset, '\n', text.size() - offset);
  return end == nullptr ? text.size() : static_cast<const char*>(end) - text.data();
}

bool is_blank(absl::string_view line) {
  return line.find_first_not_of(" \t\r") == absl::string_view::npos;
}

// Builds the value that nlohmann's parser reads, stricter than its own builder. A method that gives
// false ends the parsing; `problem` then says why.
class Builder final : public nlohmann::json_sax<json> {
 public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t&) override { return add(value); }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return refuse("expected text, found binary data"); }

  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& key) override {
    const auto [place, is_new] = open_.back()->emplace(key, nullptr);
    if (!is_new) return refuse(absl::StrCat("the key \"", key, "\" comes twice in one object"));
    member_ = &*place;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const json::exception& error) override {
    position_ = position;
    // nlohmann's identifier and position, which is one in the line, go.
    absl::string_view what = error.what();
    const size_t head = what.find("] ");
    if (head != absl::string_view::npos) what.remove_prefix(head + 2);
    const size_t place = what.find(": ");
    if (absl::StartsWith(what, "parse error at ") && place != absl::string_view::npos) {
      what.remove_prefix(place + 2);
    }
    // So does what was read, which may be long and no text.
    return refuse(std::string(what.substr(0, what.find("; last read: "))));
  }

  json& root() { return root_; }
  const std::string& problem() const { return problem_; }
  // The byte of the problem, from 1, where the parser knows it.
  size_t position() const { return position_; }

 private:
  json* put(json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *member_ = std::move(value);
    return member_;
  }

  bool add(json value) {
    put(std::move(value));
    return true;
  }

  bool open(json value) {
    if (open_.size() == kDepthLimit) {
      return refuse(absl::StrCat("arrays and objects are more than ", kDepthLimit, " deep"));
    }
    open_.push_back(put(std::move(value)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  json root_;
  // The arrays and objects that are not closed. Those within grow only while they are the last one
  // here, so that the pointers stay valid.
  std::vector<json*> open_;
  json* member_ = nullptr;
  std::string problem_;
  size_t position_ = 0;
};

// `part` lies in `text`.
absl::StatusOr<json> parse_object(absl::string_view text, absl::string_view part,
                                  const std::string& name) {
  const auto damaged = [&](size_t byte, absl::string_view what) {
    return absl::DataLossError(absl::StrCat(
        json_line_place(text, part.data() - text.data() + static_cast<int64_t>(byte), name), ": ",
        what.substr(0, kLongestProblem)));
  };
  Builder builder;
  try {
    if (!json::sax_parse(part.begin(), part.end(), &builder)) {
      const size_t byte = std::min(std::max<size_t>(builder.position(), 1) - 1, part.size());
      return damaged(byte, builder.problem());
    }
  } catch (const json::exception& error) {
    return damaged(0, error.what());
  }
  if (!builder.root().is_object()) {
    return damaged(0, absl::StrCat("expected an object, found ", builder.root().type_name()));
  }
  return std::move(builder.root());
}

}  // namespace

int64_t next_json_line(absl::string_view text, int64_t position) {
  size_t offset = static_cast<size_t>(position);
  if (offset == 0 && absl::StartsWith(text, kByteOrderMark)) offset = kByteOrderMark.size();
  while (offset < text.size()) {
    const size_t end = line_end(text, offset);
    if (!is_blank(text.substr(offset, end - offset))) return static_cast<int64_t>(offset);
    offset = end + 1;
  }
  return static_cast<int64_t>(text.size());
}

std::vector<int64_t> json_line_offsets(absl::string_view text) {
  std::vector<int64_t> offsets;
  const int64_t size = static_cast<int64_t>(text.size());
  for (int64_t offset = next_json_line(text, 0); offset < size;) {
    offsets.push_back(offset);
    const size_t end = line_end(text, static_cast<size_t>(offset));
    offset = end < text.size() ? next_json_line(text, static_cast<int64_t>(end) + 1) : size;
  }
  return offsets;
}

absl::string_view line_at(absl::string_view text, int64_t offset) {
  const size_t begin = static_cast<size_t>(offset);
  absl::string_view line = text.substr(begin, line_end(text, begin) - begin);
  if (absl::EndsWith(line, "\r")) line.remove_suffix(1);
  return line;
}

absl::StatusOr<json> parse_json_line(absl::string_view text, int64_t offset,
                                     const std::string& name) {
  return parse_object(text, line_at(text, offset), name);
}

absl::StatusOr<json> parse_json_object(absl::string_view text, const std::string& name) {
  const size_t mark = absl::StartsWith(text, kByteOrderMark) ? kByteOrderMark.size() : 0;
  return parse_object(text, text.substr(mark), name);
}

std::string json_line_place(absl::string_view text, int64_t offset, const std::string& name) {
  const int64_t line = 1 + std::count(text.begin(), text.begin() + offset, '\n');
  return absl::StrCat(name, ": line ", line, ", byte ", offset);
}

}  // namespace composer
