#pragma once

#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace composer {

/// Every match of `pattern` in a name becomes `replacement`, in which $1 is the first group:
/// {"^module\\.", ""}, {"\\.gamma$", ".weight"}. Regular expressions are ECMAScript's, and match
/// anywhere in a name.
struct RenameRule {
  std::string pattern;
  std::string replacement;
};

/// The rule that "PATTERN=>REPLACEMENT" says.
absl::StatusOr<RenameRule> parse_rename_rule(absl::string_view text);

struct NameMapOptions {
  /// Each is applied to what the one before made of a name.
  std::vector<RenameRule> rename;
  /// Only names in which one of these matches, after renaming, are taken; all when there is none.
  std::vector<std::string> only;
  /// Names in which one of these matches, after renaming, are left out.
  std::vector<std::string> skip;
};

/// Which tensors of a file are taken, and under which names.
class NameMap {
 public:
  /// InvalidArgument names the expression that is none. Errors carry the field of the options that
  /// they are about, "rename[0].pattern" (see base/status.h).
  static absl::StatusOr<NameMap> create(const NameMapOptions& options);

  /// The new name of each, or nothing where it is left out. InvalidArgument when two come out
  /// equal, one comes out empty, or a rule or pattern matches none of the names: it is a mistake
  /// more often than not.
  absl::StatusOr<std::vector<std::optional<std::string>>> apply(
      const std::vector<std::string>& names) const;

  /// Whether a name, as it is after renaming, is taken.
  bool takes(const std::string& name) const;

 private:
  struct Pattern {
    std::string text;
    std::regex regex;
  };

  static absl::StatusOr<Pattern> compile(const std::string& text);
  static absl::StatusOr<std::vector<Pattern>> compile(absl::string_view field,
                                                      const std::vector<std::string>& texts);

  std::vector<std::pair<Pattern, std::string>> rename_;
  std::vector<Pattern> only_;
  std::vector<Pattern> skip_;
};

}  // namespace composer
