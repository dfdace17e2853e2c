#include "composer/config/scalars.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/optional.h"
#include "composer/base/suggest.h"
#include "composer/config/checks.h"
#include "composer/config/schema.h"
#include "google/protobuf/io/tokenizer.h"
#include "proto/options.pb.h"

namespace composer {
namespace {

using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::io::Tokenizer;

// Beyond every integer field; every double below it is exact as an int128.
constexpr double kHuge = 1e30;

absl::Status mismatch(const FieldDescriptor* field, const Value& value,
                      absl::string_view advice = "") {
  return absl::InvalidArgumentError(absl::StrCat("expected ", expected_scalar(field), ", found ",
                                                 value.describe(), advice.empty() ? "" : "; ",
                                                 advice));
}

// JSON's strings may hold numbers: protobuf writes 64-bit integers so.
bool may_be_number(const Value& value) {
  return value.scalar_kind != Value::ScalarKind::kString || value.format() == ConfigFormat::kJson;
}

absl::optional<double> parse_double(const Value& value) {
  if (!may_be_number(value)) return absl::nullopt;
  absl::string_view text = value.text;
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative && value.format() != ConfigFormat::kTextproto) absl::ConsumePrefix(&text, "+");
  const std::string lower = absl::AsciiStrToLower(text);
  const double sign = negative ? -1 : 1;
  if (lower == "inf" || lower == "infinity" || lower == ".inf") {
    return sign * std::numeric_limits<double>::infinity();
  }
  if (lower == "nan" || lower == ".nan") return std::numeric_limits<double>::quiet_NaN();
  if (value.scalar_kind == Value::ScalarKind::kWord) return absl::nullopt;
  if (value.format() == ConfigFormat::kTextproto) absl::ConsumeSuffix(&text, "f");
  double number;
  // A literal that overflows to infinity is a mistake, though TextFormat takes it for infinity.
  if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) return absl::nullopt;
  return sign * number;
}

absl::optional<absl::int128> parse_integer(const Value& value) {
  if (value.scalar_kind == Value::ScalarKind::kWord || !may_be_number(value)) return absl::nullopt;
  const ConfigFormat format = value.format();
  absl::string_view text = value.text;
  const bool negative = absl::ConsumePrefix(&text, "-");
  if (!negative) absl::ConsumePrefix(&text, "+");
  if (text.empty() || !absl::ascii_isdigit(text[0])) return absl::nullopt;
  std::string digits(text);
  // YAML's octal has an o where C's, which the tokenizer reads, has nothing.
  if (absl::StartsWith(digits, "0o")) digits.erase(1, 1);
  uint64_t magnitude;
  const bool plain = digits.find_first_not_of("0123456789abcdefABCDEFxX") == std::string::npos &&
                     (absl::StartsWith(digits, "0x") || absl::StartsWith(digits, "0X") ||
                      digits.find_first_not_of("0123456789") == std::string::npos);
  if (plain) {
    if (format == ConfigFormat::kJson && digits.size() > 1 && digits[0] == '0') {
      return absl::nullopt;
    }
    if (!Tokenizer::ParseInteger(digits, std::numeric_limits<uint64_t>::max(), &magnitude)) {
      return negative ? absl::Int128Min() : absl::Int128Max();
    }
    return negative ? -absl::int128(magnitude) : absl::int128(magnitude);
  }
  if (format == ConfigFormat::kTextproto) return absl::nullopt;
  const absl::optional<double> number = parse_double(value);
  if (!number || *number != std::trunc(*number) || std::abs(*number) > kHuge) return absl::nullopt;
  return absl::int128(*number);
}

// What would have been right in place of a number that is not a whole one.
std::string integer_advice(const Value& value) {
  if (value.format() != ConfigFormat::kTextproto) return "";
  const absl::optional<double> number = parse_double(value);
  if (!number || *number != std::trunc(*number) || std::abs(*number) > 1e15) return "";
  return absl::StrCat("write ", static_cast<int64_t>(*number));
}

absl::optional<bool> parse_bool(const Value& value) {
  const std::string& text = value.text;
  const bool json = value.format() == ConfigFormat::kJson;
  if (value.scalar_kind == Value::ScalarKind::kString && !json) return absl::nullopt;
  if (text == "true") return true;
  if (text == "false") return false;
  if (json) return absl::nullopt;
  if (text == "True" || text == "TRUE") return true;
  if (text == "False" || text == "FALSE") return false;
  if (value.format() == ConfigFormat::kYaml) return absl::nullopt;
  if (text == "t" || text == "1") return true;
  if (text == "f" || text == "0") return false;
  return absl::nullopt;
}

absl::Status set_enum(const Value& value, const FieldDescriptor* field, Message& message) {
  const EnumValueDescriptor* found = nullptr;
  const bool quoted = value.scalar_kind == Value::ScalarKind::kString;
  if (value.scalar_kind == Value::ScalarKind::kNumber) {
    const absl::optional<absl::int128> number = parse_integer(value);
    const bool fits = number && *number >= std::numeric_limits<int>::min() &&
                      *number <= std::numeric_limits<int>::max();
    if (fits) found = field->enum_type()->FindValueByNumber(static_cast<int>(*number));
  } else if (!quoted || value.format() != ConfigFormat::kTextproto) {
    found = field->enum_type()->FindValueByName(value.text);
  } else {
    return mismatch(field, value, "it is written without quotes");
  }
  if (found == nullptr) {
    const std::string near = nearest(value.text, value_names(field->enum_type()));
    return mismatch(field, value, near.empty() ? "" : absl::StrCat("did you mean ", near, "?"));
  }
  if (field->is_repeated()) {
    message.GetReflection()->AddEnum(&message, field, found);
  } else {
    message.GetReflection()->SetEnum(&message, field, found);
  }
  return absl::OkStatus();
}

bool takes_bare_string(const Value& value, const FieldDescriptor* field) {
  if (field->options().GetExtension(config::check).auto_or_int()) return true;
  if (value.format() == ConfigFormat::kArgument) return true;
  return value.format() == ConfigFormat::kYaml && value.scalar_kind == Value::ScalarKind::kWord &&
         !parse_bool(value);
}

absl::Status set_string(const Value& value, const FieldDescriptor* field, Message& message) {
  if (value.scalar_kind != Value::ScalarKind::kString && !takes_bare_string(value, field)) {
    return mismatch(field, value, "write it in quotes");
  }
  std::string text = value.text;
  const bool base64 =
      field->type() == FieldDescriptor::TYPE_BYTES &&
      (value.format() == ConfigFormat::kJson || value.format() == ConfigFormat::kYaml);
  if (base64 && !absl::Base64Unescape(value.text, &text) &&
      !absl::WebSafeBase64Unescape(value.text, &text)) {
    return absl::InvalidArgumentError(absl::StrCat("expected base64, found ", value.describe()));
  }
  if (field->is_repeated()) {
    message.GetReflection()->AddString(&message, field, std::move(text));
  } else {
    message.GetReflection()->SetString(&message, field, std::move(text));
  }
  return absl::OkStatus();
}

template <typename T>
absl::Status set_integer(const Value& value, const FieldDescriptor* field, Message& message,
                         void (Reflection::*set)(Message*, const FieldDescriptor*, T) const,
                         void (Reflection::*add)(Message*, const FieldDescriptor*, T) const) {
  const absl::optional<absl::int128> number = parse_integer(value);
  if (!number) return mismatch(field, value, integer_advice(value));
  if (*number < absl::int128(std::numeric_limits<T>::min()) ||
      *number > absl::int128(std::numeric_limits<T>::max())) {
    return mismatch(field, value);
  }
  const Reflection* reflection = message.GetReflection();
  (reflection->*(field->is_repeated() ? add : set))(&message, field, static_cast<T>(*number));
  return absl::OkStatus();
}

absl::Status set_floating(const Value& value, const FieldDescriptor* field, Message& message) {
  const absl::optional<double> number = parse_double(value);
  if (!number) return mismatch(field, value);
  const Reflection* reflection = message.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
    field->is_repeated() ? reflection->AddDouble(&message, field, *number)
                         : reflection->SetDouble(&message, field, *number);
    return absl::OkStatus();
  }
  const float narrow = static_cast<float>(*number);
  if (std::isinf(narrow) && !std::isinf(*number)) return mismatch(field, value, "it is too large");
  field->is_repeated() ? reflection->AddFloat(&message, field, narrow)
                       : reflection->SetFloat(&message, field, narrow);
  return absl::OkStatus();
}

absl::Status set_bool(const Value& value, const FieldDescriptor* field, Message& message) {
  const absl::optional<bool> truth = parse_bool(value);
  if (!truth) return mismatch(field, value);
  if (field->is_repeated()) {
    message.GetReflection()->AddBool(&message, field, *truth);
  } else {
    message.GetReflection()->SetBool(&message, field, *truth);
  }
  return absl::OkStatus();
}

template <typename T>
std::string integer_range() {
  return absl::StrCat("a whole number from ", std::numeric_limits<T>::min(), " to ",
                      std::numeric_limits<T>::max());
}

}  // namespace

absl::Status set_scalar(const Value& value, const FieldDescriptor* field, Message& message) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return set_integer<int32_t>(value, field, message, &Reflection::SetInt32,
                                  &Reflection::AddInt32);
    case FieldDescriptor::CPPTYPE_INT64:
      return set_integer<int64_t>(value, field, message, &Reflection::SetInt64,
                                  &Reflection::AddInt64);
    case FieldDescriptor::CPPTYPE_UINT32:
      return set_integer<uint32_t>(value, field, message, &Reflection::SetUInt32,
                                   &Reflection::AddUInt32);
    case FieldDescriptor::CPPTYPE_UINT64:
      return set_integer<uint64_t>(value, field, message, &Reflection::SetUInt64,
                                   &Reflection::AddUInt64);
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return set_floating(value, field, message);
    case FieldDescriptor::CPPTYPE_BOOL:
      return set_bool(value, field, message);
    case FieldDescriptor::CPPTYPE_ENUM:
      return set_enum(value, field, message);
    case FieldDescriptor::CPPTYPE_STRING:
      return set_string(value, field, message);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return absl::InternalError(absl::StrCat(field->full_name(), " is no scalar"));
}

std::string expected_scalar(const FieldDescriptor* field) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return integer_range<int32_t>();
    case FieldDescriptor::CPPTYPE_UINT32:
      return integer_range<uint32_t>();
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return "a whole number of 64 bits";
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      return "a number";
    case FieldDescriptor::CPPTYPE_BOOL:
      return "true or false";
    case FieldDescriptor::CPPTYPE_ENUM:
      return absl::StrCat("one of ", enumerate(value_names(field->enum_type()), "or"));
    case FieldDescriptor::CPPTYPE_STRING:
      if (const config::Check& check = field->options().GetExtension(config::check);
          check.auto_or_int()) {
        return auto_or_int_words(check);
      }
      return field->options().GetExtension(config::check).time_size() > 0
                 ? "a string such as \"10ep\""
                 : "a string";
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }
  return "a message";
}

}  // namespace composer
