#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

/// Returns from the enclosing function when `expression` is not OK.
#define COMPOSER_RETURN_IF_ERROR(expression) \
  if (absl::Status composer_status_ = (expression); !composer_status_.ok()) return composer_status_

/// Assigns the value of a StatusOr to `lhs`, which may declare a variable, or returns its error.
#define COMPOSER_ASSIGN_OR_RETURN(lhs, expression) \
  COMPOSER_ASSIGN_OR_RETURN_(COMPOSER_CONCAT_(composer_status_or_, __LINE__), lhs, expression)

#define COMPOSER_ASSIGN_OR_RETURN_(variable, lhs, expression) \
  auto variable = (expression);                               \
  if (!variable.ok()) return std::move(variable).status();    \
  lhs = *std::move(variable)

#define COMPOSER_CONCAT_(a, b) COMPOSER_CONCAT_EXPANDED_(a, b)
#define COMPOSER_CONCAT_EXPANDED_(a, b) a##b

namespace composer {

/// An InvalidArgument about one field of a config. `path` is relative to the message whose code
/// found the error ("dir", "groups[1].pattern"); each caller that knows where this message sits
/// puts its own part in front with `in_field`, so that the file, line and column can be shown.
absl::Status field_error(absl::string_view path, absl::string_view message);

/// `status` with `prefix` put in front of its field path; a status without one gets `prefix`.
/// An OK status stays as it is.
absl::Status in_field(absl::string_view prefix, absl::Status status);

/// The field path that `status` carries; empty when there is none.
std::string field_of(const absl::Status& status);

/// `status` with `context` and ": " in front of its message, payloads kept.
absl::Status annotate(absl::string_view context, const absl::Status& status);

/// The error of a training that cannot go on because its numbers are no longer finite. The command
/// exits with a code of its own for it.
absl::Status diverged_error(absl::string_view message);

/// True for a diverged_error, annotated or not.
bool is_diverged(const absl::Status& status);

}  // namespace composer
