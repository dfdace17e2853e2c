#include "composer/config/yaml_scalars.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace composer {

bool is_yaml_number(const std::string& text, ConfigFormat format) {
  absl::string_view rest = text;
  const bool yaml = format != ConfigFormat::kJson;
  if (!rest.empty() && (rest[0] == '-' || (yaml && rest[0] == '+'))) rest.remove_prefix(1);
  if (yaml && (rest == ".inf" || rest == ".Inf" || rest == ".INF")) return true;
  if (yaml && (text == ".nan" || text == ".NaN" || text == ".NAN")) return true;
  if (yaml && (absl::StartsWith(rest, "0x") || absl::StartsWith(rest, "0o"))) {
    const bool hex = rest[1] == 'x';
    rest.remove_prefix(2);
    for (char c : rest) {
      if (hex ? !absl::ascii_isxdigit(c) : c < '0' || c > '7') return false;
    }
    return !rest.empty();
  }
  // 010 is 8 to some and 10 to others.
  if (rest.size() > 1 && rest[0] == '0' && absl::ascii_isdigit(rest[1])) return false;
  size_t i = 0;
  const auto digits = [&] {
    const size_t begin = i;
    while (i < rest.size() && absl::ascii_isdigit(rest[i])) ++i;
    return i - begin;
  };
  size_t mantissa = digits();
  if (!yaml && mantissa == 0) return false;
  if (i < rest.size() && rest[i] == '.') {
    ++i;
    const size_t fraction = digits();
    if (!yaml && fraction == 0) return false;
    mantissa += fraction;
  }
  if (mantissa == 0) return false;
  if (i < rest.size() && (rest[i] == 'e' || rest[i] == 'E')) {
    ++i;
    if (i < rest.size() && (rest[i] == '+' || rest[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == rest.size();
}

std::string join_surrogates(const std::string& json) {
  const auto unit = [&](size_t i, unsigned first, unsigned last, unsigned* value) {
    if (json.compare(i, 2, "\\u") != 0 || i + 6 > json.size()) return false;
    for (size_t k = i + 2; k < i + 6; ++k) {
      if (!absl::ascii_isxdigit(json[k])) return false;
    }
    *value = static_cast<unsigned>(std::stoul(json.substr(i + 2, 4), nullptr, 16));
    return *value >= first && *value <= last;
  };
  std::string result;
  for (size_t i = 0; i < json.size();) {
    unsigned high, low;
    if (json[i] != '\\') {
      result.push_back(json[i++]);
    } else if (unit(i, 0xd800, 0xdbff, &high) && unit(i + 6, 0xdc00, 0xdfff, &low)) {
      absl::StrAppendFormat(&result, "\\U%08x", 0x10000 + (high - 0xd800) * 0x400 + low - 0xdc00);
      i += 12;
    } else {
      result.append(json, i, 2);
      i += 2;
    }
  }
  return result;
}

}  // namespace composer
