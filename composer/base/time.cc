#include "composer/base/time.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/logging.h"

namespace composer {
namespace {

constexpr std::array<std::pair<absl::string_view, TimeUnit>, 7> kUnits = {{
    {"iter", TimeUnit::kIteration},
    {"ep", TimeUnit::kEpoch},
    {"ba", TimeUnit::kBatch},
    {"sp", TimeUnit::kSample},
    {"tok", TimeUnit::kToken},
    {"dur", TimeUnit::kDuration},
    {"sec", TimeUnit::kSecond},
}};

// The largest integer below which every integer is a double.
constexpr double kMaxExact = 9007199254740992.0;

absl::Status invalid(absl::string_view text, absl::string_view reason) {
  return absl::InvalidArgumentError(
      absl::StrCat("invalid time string \"", text, "\": ", reason,
                   "; write a number and a unit (ep, ba, sp, tok, dur, sec or iter), such as "
                   "\"10ep\" or \"0.5dur\", or a clock time such as \"1h30m\""));
}

// Reads "1h30m10s"; every part is optional, the order is not. False when `text` is no clock time.
bool parse_clock(absl::string_view text, double* seconds) {
  constexpr std::array<std::pair<char, int>, 3> kParts = {{{'h', 3600}, {'m', 60}, {'s', 1}}};
  double total = 0;
  size_t position = 0;
  bool any = false;
  for (const auto& [letter, factor] : kParts) {
    size_t end = position;
    while (end < text.size() && absl::ascii_isdigit(text[end])) ++end;
    if (end == position || end == text.size() || text[end] != letter) continue;
    int64_t count;
    if (!absl::SimpleAtoi(text.substr(position, end - position), &count)) return false;
    total += static_cast<double>(count) * factor;
    position = end + 1;
    any = true;
  }
  *seconds = total;
  return any && position == text.size() && total < kMaxExact;
}

// Reads a number as Python does, underscores between digits included.
bool parse_number(absl::string_view text, double* value) {
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      // SimpleAtod reads hexadecimal too.
      if (!absl::ascii_isdigit(text[i]) && !absl::StrContains(".eE+-", text[i])) return false;
      digits.push_back(text[i]);
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() && absl::ascii_isdigit(text[i - 1]) &&
                         absl::ascii_isdigit(text[i + 1]);
    if (!between) return false;
  }
  return absl::SimpleAtod(digits, value);
}

}  // namespace

absl::string_view suffix(TimeUnit unit) {
  for (const auto& [name, value] : kUnits) {
    if (value == unit) return name;
  }
  return "?";
}

absl::StatusOr<Time> Time::parse(absl::string_view text) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(text);
  if (trimmed.empty()) return invalid(text, "it is empty");
  double seconds;
  if (parse_clock(trimmed, &seconds)) return Time(seconds, TimeUnit::kSecond);

  size_t letters = trimmed.size();
  while (letters > 0 && absl::ascii_isalpha(trimmed[letters - 1])) --letters;
  const std::string unit_name = absl::AsciiStrToLower(trimmed.substr(letters));
  const absl::string_view number = absl::StripTrailingAsciiWhitespace(trimmed.substr(0, letters));
  if (unit_name.empty()) return invalid(text, "the unit is missing");
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(),
                                 [&](const auto& entry) { return entry.first == unit_name; });
  if (unit == kUnits.end()) {
    return invalid(text, absl::StrCat("\"", unit_name, "\" is not a unit"));
  }
  double value;
  if (number.empty() || !parse_number(number, &value)) {
    return invalid(text, absl::StrCat("\"", number, "\" is not a number"));
  }
  if (!std::isfinite(value)) return invalid(text, "it is not finite");
  if (unit->second != TimeUnit::kDuration) {
    if (value != std::trunc(value)) {
      return invalid(text, absl::StrCat("\"", unit->first, "\" counts whole units, ", number,
                                        " is not a whole number"));
    }
    if (std::abs(value) > kMaxExact) return invalid(text, "it is too large to count exactly");
  }
  return Time(value, unit->second);
}

std::string Time::to_string() const {
  if (unit_ == TimeUnit::kDuration) {
    for (int digits = 1; digits < 17; ++digits) {
      const std::string text = absl::StrFormat("%.*g", digits, value_);
      double back;
      if (absl::SimpleAtod(text, &back) && back == value_) return text + "dur";
    }
    return absl::StrFormat("%.17gdur", value_);
  }
  return absl::StrCat(static_cast<int64_t>(value_), suffix(unit_));
}

Time Time::scaled(double factor) const {
  const double value = value_ * factor;
  return Time(unit_ == TimeUnit::kDuration ? value : std::trunc(value), unit_);
}

Timestamp Timestamp::next_batch(int64_t samples, int64_t tokens, absl::Duration duration) const {
  Timestamp next = *this;
  next.batch += 1;
  next.batch_in_epoch += 1;
  next.sample += samples;
  next.sample_in_epoch += samples;
  next.token += tokens;
  next.token_in_epoch += tokens;
  next.token_in_iteration += tokens;
  next.total_wct += duration;
  next.iteration_wct += duration;
  next.epoch_wct += duration;
  next.batch_wct = duration;
  return next;
}

Timestamp Timestamp::next_epoch() const {
  Timestamp next = *this;
  next.epoch += 1;
  next.epoch_in_iteration += 1;
  next.batch_in_epoch = next.sample_in_epoch = next.token_in_epoch = 0;
  next.epoch_wct = next.batch_wct = absl::ZeroDuration();
  return next;
}

Timestamp Timestamp::next_iteration() const {
  Timestamp next = *this;
  next.iteration += 1;
  next.epoch_in_iteration = next.token_in_iteration = 0;
  next.batch_in_epoch = next.sample_in_epoch = next.token_in_epoch = 0;
  next.iteration_wct = next.epoch_wct = next.batch_wct = absl::ZeroDuration();
  return next;
}

double Timestamp::get(TimeUnit unit) const {
  switch (unit) {
    case TimeUnit::kIteration:
      return static_cast<double>(iteration);
    case TimeUnit::kEpoch:
      return static_cast<double>(epoch);
    case TimeUnit::kBatch:
      return static_cast<double>(batch);
    case TimeUnit::kSample:
      return static_cast<double>(sample);
    case TimeUnit::kToken:
      return static_cast<double>(token);
    case TimeUnit::kSecond:
      return absl::ToDoubleSeconds(total_wct);
    case TimeUnit::kDuration:
      break;
  }
  LOG(FATAL) << "a Timestamp alone has no duration; ask State::elapsed_duration";
}

bool operator==(const Timestamp& a, const Timestamp& b) {
  const auto fields = [](const Timestamp& t) {
    return std::tie(t.iteration, t.epoch, t.batch, t.sample, t.token, t.epoch_in_iteration,
                    t.token_in_iteration, t.batch_in_epoch, t.sample_in_epoch, t.token_in_epoch,
                    t.total_wct, t.iteration_wct, t.epoch_wct, t.batch_wct);
  };
  return fields(a) == fields(b);
}

bool reached(const Timestamp& now, const Time& time) {
  return now.get(time.unit()) >= time.value();
}

}  // namespace composer
