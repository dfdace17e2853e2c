#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "composer/config/location.h"

namespace composer {

/// "model.cnn" and "channels" make "model.cnn.channels"; an empty prefix adds nothing.
std::string join_path(absl::string_view prefix, absl::string_view field);

/// "path: message" with the location in front, as every error of a config is shown.
std::string format_diagnostic(const Location& location, absl::string_view path,
                              absl::string_view message);

/// The errors found in a config so far.
class Diagnostics {
 public:
  /// `path` is the field that the error is about; empty when it is about none.
  void add(const Location& location, absl::string_view path, absl::string_view message);

  bool empty() const { return entries_.empty(); }

  /// OK without errors. Otherwise InvalidArgument: one error a line in the order of the sources
  /// and of the text, then their number ("3 errors").
  absl::Status to_status() const;

 private:
  struct Entry {
    Location location;
    std::string text;
  };
  std::vector<Entry> entries_;
};

}  // namespace composer
