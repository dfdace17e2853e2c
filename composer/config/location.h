#pragma once

#include <memory>
#include <string>

namespace composer {

enum class ConfigFormat {
  kTextproto,
  kYaml,
  kJson,
  /// A `path=value` argument of the command line, whose values are written as textproto, JSON or
  /// bare words.
  kArgument,
};

/// A text that values came from: one file, or one argument of the command line.
struct Source {
  ConfigFormat format;
  /// The file's name as it was given, or "command line, argument 2".
  std::string name;
  /// Position among the sources of a config: errors are listed in this order.
  int order = 0;
  /// The argument itself; empty for a file.
  std::string argument;
};

/// A place in a source. `line` and `column` count from 1, columns in bytes; a line of 0 is the
/// source as a whole.
struct Location {
  std::shared_ptr<const Source> source;
  int line = 0;
  int column = 0;

  /// How an error begins: "a.textproto:12:3", "a.textproto", or "command line, argument 2,
  /// column 7".
  std::string to_string() const;

  /// Where a value came from, as the resolved config says it: "a.textproto:12:3" or
  /// "command line: optimizer.sgd.lr=0.2".
  std::string origin() const;
};

}  // namespace composer
