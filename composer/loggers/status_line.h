#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace composer {

/// True when the locale's variables say that the terminal reads UTF-8.
bool locale_is_utf8();

/// The last line of a terminal, redrawn in place. Each call is one write; a terminal that cannot be
/// written to is ignored, since progress is not worth a run.
class StatusLine {
 public:
  /// `file` is the terminal's descriptor; it is not closed.
  explicit StatusLine(int file) : file_(file) {}

  /// Columns that a line may use now: follows the window when it is resized.
  int columns() const;

  /// Replaces what is drawn by `text`, which has at most `columns()` columns and no newline.
  void draw(absl::string_view text);
  /// Replaces what is drawn by `line`, which stays; drawing goes on below it.
  void print(absl::string_view line);
  /// Removes what is drawn.
  void clear();

 private:
  // What takes the cursor to the start of what is drawn and clears it.
  std::string erase() const;
  void write(absl::string_view text) const;

  int file_;
  // Width of the window when something was drawn; 0 when nothing is.
  int drawn_columns_ = 0;
};

}  // namespace composer
