#include "composer/checkpoint/name_template.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/checkpoint/manifest.h"

namespace composer {
namespace {

constexpr int kMaxWidth = 20;
constexpr size_t kMaxName = 200;  // of 255, the rest is for what temporary names add

using Number = int64_t (*)(const NameValues& values);

struct FieldKind {
  absl::string_view name;
  // Null for what is no number.
  Number number;
};

int64_t seconds(absl::Duration duration) { return absl::ToInt64Seconds(duration); }

constexpr FieldKind kFields[] = {
    {"run_name", nullptr},
    {"timestamp", nullptr},
    {"iteration", [](const NameValues& v) { return v.time.iteration; }},
    {"epoch", [](const NameValues& v) { return v.time.epoch; }},
    {"batch", [](const NameValues& v) { return v.time.batch; }},
    {"batch_in_epoch", [](const NameValues& v) { return v.time.batch_in_epoch; }},
    {"sample", [](const NameValues& v) { return v.time.sample; }},
    {"sample_in_epoch", [](const NameValues& v) { return v.time.sample_in_epoch; }},
    {"token", [](const NameValues& v) { return v.time.token; }},
    {"token_in_epoch", [](const NameValues& v) { return v.time.token_in_epoch; }},
    {"rank", [](const NameValues& v) { return int64_t{v.rank}; }},
    {"local_rank", [](const NameValues& v) { return int64_t{v.local_rank}; }},
    {"node_rank", [](const NameValues& v) { return int64_t{v.node_rank}; }},
    {"world_size", [](const NameValues& v) { return int64_t{v.world_size}; }},
    {"local_world_size", [](const NameValues& v) { return int64_t{v.local_world_size}; }},
    {"total_wct", [](const NameValues& v) { return seconds(v.time.total_wct); }},
    {"epoch_wct", [](const NameValues& v) { return seconds(v.time.epoch_wct); }},
    {"batch_wct", [](const NameValues& v) { return seconds(v.time.batch_wct); }},
};

absl::Status unknown_field(absl::string_view name) {
  std::vector<std::string> names;
  for (const FieldKind& field : kFields) names.emplace_back(field.name);
  const std::string near = nearest(name, names);
  return absl::InvalidArgumentError(
      absl::StrCat("there is no field {", name, "}",
                   near.empty() ? "" : absl::StrCat(" (did you mean {", near, "}?)"),
                   "; there are ", enumerate(names, "and")));
}

// The width of "06" or "06d".
bool parse_width(absl::string_view format, int& width) {
  if (format.empty()) return true;
  format = absl::StripSuffix(format, "d");
  if (!absl::ConsumePrefix(&format, "0")) return false;
  return absl::SimpleAtoi(format, &width) && width > 0 && width <= kMaxWidth;
}

std::string value_of(const FieldKind& field, const std::string& format, const NameValues& values) {
  if (field.number != nullptr) {
    int width = 0;
    parse_width(format, width);
    return absl::StrFormat("%0*d", width, field.number(values));
  }
  if (field.name == "run_name") return values.run_name;
  return absl::FormatTime(format.empty() ? "%Y%m%d-%H%M%S" : format, values.now, values.zone);
}

}  // namespace

absl::StatusOr<NameTemplate::Field> NameTemplate::parse_field(absl::string_view text) {
  const size_t colon = text.find(':');
  const absl::string_view name = text.substr(0, colon);
  const absl::string_view format =
      colon == absl::string_view::npos ? absl::string_view() : text.substr(colon + 1);
  const auto field = std::find_if(std::begin(kFields), std::end(kFields),
                                  [&](const FieldKind& kind) { return kind.name == name; });
  if (field == std::end(kFields)) return unknown_field(name);
  int width = 0;
  if (field->number != nullptr && !parse_width(format, width)) {
    return absl::InvalidArgumentError(absl::StrCat("{", text, "}: a number takes a width such as {",
                                                   name, ":06}, of at most ", kMaxWidth));
  }
  if (field->name == "run_name" && colon != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("{", text, "}: {run_name} takes no format"));
  }
  return Field{static_cast<size_t>(field - std::begin(kFields)), std::string(format)};
}

absl::StatusOr<NameTemplate> NameTemplate::parse(absl::string_view text) {
  NameTemplate result;
  std::string literal;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c == '{' || c == '}') && text.substr(i + 1, 1) == absl::string_view(&c, 1)) {
      literal += c;
      ++i;
    } else if (c == '{') {
      const size_t end = text.find('}', i);
      if (end == absl::string_view::npos) {
        return absl::InvalidArgumentError(
            absl::StrCat("\"", text, "\": a { without its }; for a brace write two"));
      }
      absl::StatusOr<Field> field = parse_field(text.substr(i + 1, end - i - 1));
      if (!field.ok()) return annotate(absl::StrCat("\"", text, "\""), field.status());
      if (!literal.empty()) result.parts_.emplace_back(std::move(literal));
      literal.clear();
      result.parts_.emplace_back(*std::move(field));
      i = end;
    } else if (c == '}') {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\": a } without its {; for a brace write two"));
    } else {
      literal += c;
    }
  }
  if (!literal.empty()) result.parts_.emplace_back(std::move(literal));
  // Whatever can be wrong with the text between the fields is wrong with any values.
  absl::StatusOr<std::string> example = result.expand({.run_name = "run"});
  if (!example.ok()) return annotate(absl::StrCat("\"", text, "\""), example.status());
  return result;
}

absl::StatusOr<std::string> NameTemplate::expand(const NameValues& values) const {
  std::string name;
  for (const Part& part : parts_) {
    if (const auto* text = std::get_if<std::string>(&part)) {
      name += *text;
    } else {
      const Field& field = std::get<Field>(part);
      name += value_of(kFields[field.index], field.format, values);
    }
  }
  COMPOSER_RETURN_IF_ERROR(check_file_name(name));
  if (name[0] == '.') {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\": a name that begins with a dot is hidden"));
  }
  if (name.size() > kMaxName) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", name, "\" is longer than ", kMaxName, " bytes"));
  }
  return name;
}

}  // namespace composer
