#include "composer/config/checks.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <regex>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "composer/base/suggest.h"
#include "composer/base/time.h"
#include "google/protobuf/stubs/strutil.h"
#include "proto/options.pb.h"

namespace composer {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// std::regex compiles by recursion.
constexpr size_t kLongestPattern = 1000;

std::string number_text(double value) { return google::protobuf::SimpleDtoa(value); }

// The range of a check: "from 0 to 1", "above 0 and at most 1", "at least 1"; empty without one.
std::string range_words(const config::Check& check) {
  if (check.has_min() && check.has_max()) {
    return absl::StrCat("from ", number_text(check.min()), " to ", number_text(check.max()));
  }
  std::vector<std::string> words;
  if (check.has_above()) words.push_back(absl::StrCat("above ", number_text(check.above())));
  if (check.has_min()) words.push_back(absl::StrCat("at least ", number_text(check.min())));
  if (check.has_max()) words.push_back(absl::StrCat("at most ", number_text(check.max())));
  if (check.has_below()) words.push_back(absl::StrCat("below ", number_text(check.below())));
  return absl::StrJoin(words, " and ");
}

std::string unit_words(const config::Check& check) {
  return enumerate({check.time().begin(), check.time().end()}, "or");
}

// A number as a double for comparing with bounds, and as it is shown.
struct Number {
  double value;
  std::string text;
};

template <typename T>
Number exact(T value) {
  return {static_cast<double>(value), absl::StrCat(value)};
}

Number number_of(const Message& message, const FieldDescriptor* field, int index) {
  const Reflection* reflection = message.GetReflection();
  const bool repeated = index >= 0;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return exact(repeated ? reflection->GetRepeatedInt32(message, field, index)
                            : reflection->GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return exact(repeated ? reflection->GetRepeatedInt64(message, field, index)
                            : reflection->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return exact(repeated ? reflection->GetRepeatedUInt32(message, field, index)
                            : reflection->GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return exact(repeated ? reflection->GetRepeatedUInt64(message, field, index)
                            : reflection->GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const float value = repeated ? reflection->GetRepeatedFloat(message, field, index)
                                   : reflection->GetFloat(message, field);
      return {value, google::protobuf::SimpleFtoa(value)};
    }
    default: {
      const double value = repeated ? reflection->GetRepeatedDouble(message, field, index)
                                    : reflection->GetDouble(message, field);
      return {value, number_text(value)};
    }
  }
}

absl::Status check_bounds(const config::Check& check, const Number& number) {
  // Written so that NaN is out of every range.
  const bool inside = (!check.has_min() || number.value >= check.min()) &&
                      (!check.has_max() || number.value <= check.max()) &&
                      (!check.has_above() || number.value > check.above()) &&
                      (!check.has_below() || number.value < check.below());
  if (inside) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("expected a number ", range_words(check), ", found ", number.text));
}

absl::Status check_time(const config::Check& check, const std::string& text) {
  const absl::StatusOr<Time> time = Time::parse(text);
  if (!time.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(time.status().message(), "; this field takes ", unit_words(check)));
  }
  const absl::string_view unit = suffix(time->unit());
  if (std::find(check.time().begin(), check.time().end(), unit) == check.time().end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a time in ", unit_words(check), ", found \"", text, "\""));
  }
  const bool enough = check.zero_time() ? time->value() >= 0 : time->value() > 0;
  if (!enough) {
    return absl::InvalidArgumentError(absl::StrCat("expected a time ",
                                                   check.zero_time() ? "of at least 0" : "above 0",
                                                   ", found \"", text, "\""));
  }
  return absl::OkStatus();
}

absl::Status check_regex(const std::string& text) {
  if (text.size() > kLongestPattern) {
    return absl::InvalidArgumentError(
        absl::StrCat("a regular expression of more than ", kLongestPattern, " characters"));
  }
  try {
    const std::regex pattern(text, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a regular expression, found \"", text, "\": ", error.what()));
  }
  return absl::OkStatus();
}

absl::Status check_auto_or_int(const config::Check& check, const std::string& text) {
  int32_t number;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (text == "auto" || (digits && absl::SimpleAtoi(text, &number) &&
                         number >= (check.has_min() ? check.min() : 1))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("expected ", auto_or_int_words(check), ", found \"", text, "\""));
}

absl::Status check_path(config::PathKind kind, const std::string& text) {
  const char* const what = kind == config::EXISTING_FOLDER ? "folder" : "file";
  const auto invalid = [&](absl::string_view reason) {
    return absl::InvalidArgumentError(absl::StrCat(what, " \"", text, "\" ", reason));
  };
  if (text.empty())
    return absl::InvalidArgumentError(absl::StrCat("the ", what, "'s name is empty"));
  const std::filesystem::path path(text);
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    const std::string near = nearest_path(text);
    return invalid(near.empty() ? "does not exist"
                                : absl::StrCat("does not exist; did you mean \"", near, "\"?"));
  }
  if (error) return invalid(absl::StrCat("cannot be read: ", error.message()));
  const bool folder = status.type() == std::filesystem::file_type::directory;
  if (kind == config::EXISTING_FOLDER && !folder) return invalid("is not a folder");
  if (kind == config::EXISTING_FILE && folder) return invalid("is a folder");
  if (access(text.c_str(), folder ? R_OK | X_OK : R_OK) != 0) {
    return invalid(absl::StrCat("cannot be read: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status check_string(const config::Check& check, const std::string& text,
                          const CheckOptions& options) {
  if (check.time_size() > 0) return check_time(check, text);
  if (check.auto_or_int()) return check_auto_or_int(check, text);
  if (check.regex()) return check_regex(text);
  if (check.path() != config::ANY_PATH && options.paths) return check_path(check.path(), text);
  return absl::OkStatus();
}

}  // namespace

absl::Status check_value(const Message& message, const FieldDescriptor* field, int index,
                         const CheckOptions& options) {
  const config::Check& check = field->options().GetExtension(config::check);
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      const Reflection* reflection = message.GetReflection();
      return check_string(check,
                          index >= 0 ? reflection->GetRepeatedString(message, field, index)
                                     : reflection->GetString(message, field),
                          options);
    }
    case FieldDescriptor::CPPTYPE_BOOL:
    case FieldDescriptor::CPPTYPE_ENUM:
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return absl::OkStatus();
    default:
      return check_bounds(check, number_of(message, field, index));
  }
}

std::string auto_or_int_words(const config::Check& check) {
  return check.has_min() ? absl::StrCat("\"auto\" or a whole number of at least ", check.min())
                         : "\"auto\" or a whole number above 0";
}

bool is_required(const FieldDescriptor* field) {
  return field->is_required() || field->options().GetExtension(config::check).required();
}

std::vector<std::string> describe_checks(const FieldDescriptor* field) {
  const config::Check& check = field->options().GetExtension(config::check);
  std::vector<std::string> words;
  if (is_required(field)) words.push_back("required");
  if (const std::string range = range_words(check); !range.empty() && !check.auto_or_int()) {
    words.push_back(range);
  }
  if (check.time_size() > 0) {
    words.push_back(absl::StrCat("a time in ", unit_words(check),
                                 check.zero_time() ? ", may be zero" : ", above zero"));
  }
  if (check.path() == config::EXISTING_FILE) words.push_back("an existing file");
  if (check.path() == config::EXISTING_FOLDER) words.push_back("an existing folder");
  if (check.auto_or_int()) words.push_back(auto_or_int_words(check));
  if (check.regex()) words.push_back("a regular expression (ECMAScript)");
  return words;
}

}  // namespace composer
