#include "composer/base/json_text.h"

#include <charconv>
#include <cmath>

namespace composer {

void append_json_string(std::string& out, absl::string_view text) {
  constexpr absl::string_view kSpecial = "\"\\\b\f\n\r\t", kEscapes = "\"\\bfnrt";
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const size_t index = kSpecial.find(c);
    if (index != absl::string_view::npos) {
      out.push_back('\\');
      out.push_back(kEscapes[index]);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out.append("\\u00");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 0xf]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string json_quote(absl::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

void append_json_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out.append("null");
    return;
  }
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, end);
}

}  // namespace composer
