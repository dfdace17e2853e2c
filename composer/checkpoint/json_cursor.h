#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace composer {

/// Reads strict JSON (RFC 8259) from left to right, one token at a time. The
/// first error stays in `status()`, and everything after it reads as empty.
class JsonCursor {
 public:
  /// `what` the text is, for messages: "at byte 12 of the header: ...".
  explicit JsonCursor(absl::string_view text, absl::string_view what = "the header")
      : text_(text), what_(what) {}

  /// Skips white space, then takes `character` or fails.
  void expect(char character);
  /// Skips white space, then takes `character` if it comes next.
  bool accept(char character);
  /// A string, its escapes resolved. Fails on control characters and on what is not UTF-8.
  std::string string();
  /// A number without sign, fraction and exponent, below 2^63.
  int64_t integer();
  /// Any number that a double can hold, rounded to the nearest.
  double number();
  /// Any value, which is read over: fails on what is no JSON, and on lists and objects more than 32
  /// deep.
  void skip_value();
  /// Fails unless only white space is left.
  void end();

  /// Notes `message` at the present position.
  void fail(absl::string_view message);
  bool ok() const { return status_.ok(); }
  const absl::Status& status() const { return status_; }

 private:
  void skip_space();
  void skip_value(int depth);
  /// The code unit of the four digits of a \u escape.
  uint32_t hex();
  void append_escape(std::string& out);

  const absl::string_view text_;
  const absl::string_view what_;
  size_t position_ = 0;
  absl::Status status_;
};

}  // namespace composer
