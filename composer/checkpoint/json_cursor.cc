#include "composer/checkpoint/json_cursor.h"

#include <charconv>
#include <limits>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/json_text.h"
#include "composer/base/utf8.h"

namespace composer {
namespace {

constexpr int kMaxDepth = 32;

void append_utf8(uint32_t code, std::string& out) {
  const auto put = [&out](uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

}  // namespace

void JsonCursor::fail(absl::string_view message) {
  if (!status_.ok()) return;
  status_ = absl::DataLossError(absl::StrCat("at byte ", position_, " of ", what_, ": ", message));
  position_ = text_.size();
}

void JsonCursor::skip_space() {
  while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n' ||
                                      text_[position_] == '\t' || text_[position_] == '\r')) {
    ++position_;
  }
}

bool JsonCursor::accept(char character) {
  skip_space();
  if (position_ >= text_.size() || text_[position_] != character) return false;
  ++position_;
  return true;
}

void JsonCursor::expect(char character) {
  if (!accept(character))
    fail(absl::StrCat("expected ", json_quote(absl::string_view(&character, 1))));
}

void JsonCursor::end() {
  skip_space();
  if (position_ < text_.size()) fail("there is more after the object's end");
}

int64_t JsonCursor::integer() {
  skip_space();
  const size_t start = position_;
  int64_t value = 0;
  while (position_ < text_.size() && text_[position_] >= '0' && text_[position_] <= '9') {
    const int digit = text_[position_] - '0';
    if (value > (std::numeric_limits<int64_t>::max() - digit) / 10) {
      fail("the number is too large");
      return 0;
    }
    value = value * 10 + digit;
    ++position_;
  }
  const size_t digits = position_ - start;
  if (digits == 0 || (digits > 1 && text_[start] == '0')) {
    fail("expected a whole number that is not negative");
    return 0;
  }
  return value;
}

double JsonCursor::number() {
  skip_space();
  const absl::string_view rest = text_.substr(position_);
  // from_chars takes what JSON does not: 01, 1., .5, inf, nan.
  const size_t start = rest.substr(0, 1) == "-" ? 1 : 0;
  const size_t digits = rest.find_first_not_of("0123456789", start);
  const size_t whole = (digits == absl::string_view::npos ? rest.size() : digits) - start;
  const absl::string_view after = rest.substr(start + whole);
  const bool bare_point =
      after.substr(0, 1) == "." && (after.size() < 2 || after[1] < '0' || after[1] > '9');
  double value = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (whole == 0 || (whole > 1 && rest[start] == '0') || bare_point || error != std::errc()) {
    fail("expected a number");
    return 0;
  }
  position_ += static_cast<size_t>(end - rest.data());
  return value;
}

void JsonCursor::skip_value(int depth) {
  if (depth == kMaxDepth) return fail("lists or objects are nested too deep");
  skip_space();
  const absl::string_view rest = text_.substr(position_);
  for (const absl::string_view word : {"null", "true", "false"}) {
    if (absl::StartsWith(rest, word)) {
      position_ += word.size();
      return;
    }
  }
  const char first = rest.empty() ? '\0' : rest[0];
  if (first == '"') {
    string();
  } else if (first == '[' || first == '{') {
    const char last = first == '[' ? ']' : '}';
    ++position_;
    if (accept(last)) return;
    do {
      if (first == '{') {
        string();
        expect(':');
      }
      skip_value(depth + 1);
    } while (ok() && accept(','));
    expect(last);
  } else {
    number();
  }
}

void JsonCursor::skip_value() { skip_value(0); }

uint32_t JsonCursor::hex() {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i, ++position_) {
    const char c = position_ < text_.size() ? text_[position_] : '\0';
    const bool digit = c >= '0' && c <= '9';
    const char letter = static_cast<char>(c | 0x20);
    if (!digit && !(letter >= 'a' && letter <= 'f')) {
      fail("expected four hexadecimal digits after \\u");
      return 0;
    }
    value = value << 4 | static_cast<uint32_t>(digit ? c - '0' : letter - 'a' + 10);
  }
  return value;
}

void JsonCursor::append_escape(std::string& out) {
  constexpr absl::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
  const char escape = position_ < text_.size() ? text_[position_++] : '\0';
  const size_t index = kEscapes.find(escape);
  if (index != absl::string_view::npos) {
    out.push_back(kMeanings[index]);
    return;
  }
  if (escape != 'u') return fail("unknown escape in a string");
  uint32_t code = hex();
  if (code >= 0xd800 && code < 0xdc00 && text_.substr(position_, 2) == "\\u") {
    position_ += 2;
    const uint32_t low = hex();
    if (low < 0xdc00 || low >= 0xe000) return fail("half a surrogate pair in a string");
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
  } else if (code >= 0xd800 && code < 0xe000) {
    return fail("half a surrogate pair in a string");
  }
  append_utf8(code, out);
}

std::string JsonCursor::string() {
  std::string out;
  expect('"');
  while (ok()) {
    if (position_ >= text_.size()) {
      fail("a string does not end");
      break;
    }
    const char c = text_[position_++];
    if (c == '"') break;
    if (c == '\\') {
      append_escape(out);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fail("a control character in a string");
    } else {
      out.push_back(c);
    }
  }
  if (ok() && !is_utf8(out)) fail("a string is not UTF-8");
  return ok() ? out : std::string();
}

}  // namespace composer
