#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace composer {

/// What a time counts. The suffixes of time strings are `iter`, `ep`, `ba`, `sp`, `tok`, `dur` and
/// `sec`.
enum class TimeUnit { kIteration, kEpoch, kBatch, kSample, kToken, kDuration, kSecond };

/// "ep" for kEpoch, and so on.
absl::string_view suffix(TimeUnit unit);

/// An amount of training in one unit: 10 epochs, 5000 batches, 0.7 of the run. The value is
/// integral in every unit but `dur`, which is a fraction of the run.
class Time {
 public:
  static Time epochs(int64_t value) { return {static_cast<double>(value), TimeUnit::kEpoch}; }
  static Time batches(int64_t value) { return {static_cast<double>(value), TimeUnit::kBatch}; }
  static Time samples(int64_t value) { return {static_cast<double>(value), TimeUnit::kSample}; }
  static Time tokens(int64_t value) { return {static_cast<double>(value), TimeUnit::kToken}; }
  static Time seconds(int64_t value) { return {static_cast<double>(value), TimeUnit::kSecond}; }
  static Time duration(double fraction) { return {fraction, TimeUnit::kDuration}; }

  /// Reads "10ep", "1e4ba", "0.5dur", "1_000sp", or a clock time such as "1h30m" (seconds). The
  /// suffix may be in capitals and have spaces before it. A bare number, a fraction of an integral
  /// unit, NaN and infinity are refused with what would be right.
  static absl::StatusOr<Time> parse(absl::string_view text);

  double value() const { return value_; }
  TimeUnit unit() const { return unit_; }

  /// "10ep", "0.5dur"; `parse` reads it back to the same value.
  std::string to_string() const;

  friend bool operator==(const Time& a, const Time& b) {
    return a.value_ == b.value_ && a.unit_ == b.unit_;
  }
  friend bool operator!=(const Time& a, const Time& b) { return !(a == b); }

  /// The same unit, `value` times `factor`, truncated towards zero in integral units.
  Time scaled(double factor) const;

  /// The same unit, `value` plus `amount`.
  Time plus(double amount) const { return Time(value_ + amount, unit_); }

 private:
  Time(double value, TimeUnit unit) : value_(value), unit_(unit) {}

  // Exact for integers up to 2^53.
  double value_;
  TimeUnit unit_;
};

/// How far training has come, in every unit at once. A value: advancing makes a new one.
struct Timestamp {
  int64_t iteration = 0;
  int64_t epoch = 0;
  int64_t batch = 0;
  int64_t sample = 0;
  int64_t token = 0;
  int64_t epoch_in_iteration = 0;
  int64_t token_in_iteration = 0;
  int64_t batch_in_epoch = 0;
  int64_t sample_in_epoch = 0;
  int64_t token_in_epoch = 0;
  /// Wall-clock time spent training; evaluation is left out.
  absl::Duration total_wct = absl::ZeroDuration();
  absl::Duration iteration_wct = absl::ZeroDuration();
  absl::Duration epoch_wct = absl::ZeroDuration();
  absl::Duration batch_wct = absl::ZeroDuration();

  /// After one more batch of `samples` and `tokens` (over all ranks) that took `duration`.
  Timestamp next_batch(int64_t samples, int64_t tokens = 0,
                       absl::Duration duration = absl::ZeroDuration()) const;
  /// After the end of an epoch.
  Timestamp next_epoch() const;
  /// After the end of an iteration.
  Timestamp next_iteration() const;

  /// The counter of `unit`; seconds are `total_wct`. REQUIRES: not kDuration, which needs a run.
  double get(TimeUnit unit) const;

  friend bool operator==(const Timestamp& a, const Timestamp& b);
  friend bool operator!=(const Timestamp& a, const Timestamp& b) { return !(a == b); }
};

/// True when `now` has reached `time`, compared in `time`'s unit.
bool reached(const Timestamp& now, const Time& time);

}  // namespace composer
