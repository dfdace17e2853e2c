#pragma once

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "composer/base/status.h"

namespace composer {

/// Carries a Status through code that throws. Thrown by `throw_if_error` and by the engine, caught
/// by `catch_exceptions`; users need not name it.
class StatusError : public std::exception {
 public:
  explicit StatusError(absl::Status status)
      : status_(std::move(status)), what_(status_.message()) {}

  const absl::Status& status() const { return status_; }
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  absl::Status status_;
  std::string what_;
};

/// Throws a StatusError when `status` is not OK.
void throw_if_error(const absl::Status& status);

/// The Status of the exception that is being handled. Out of memory becomes ResourceExhausted;
/// value, index and type errors InvalidArgument; not-implemented Unimplemented; errors of the
/// process group Unavailable; all else Internal. LibTorch's backtrace is logged, not returned.
/// REQUIRES: called in a catch block.
absl::Status status_of_current_exception();

/// Runs `function()` and returns what it returns; what it throws is thrown again as a StatusError
/// with `context()`, a string, and ": " in front.
template <typename Context, typename Function>
decltype(auto) in_context(Context&& context, Function&& function) {
  try {
    return function();
  } catch (...) {
    throw StatusError(annotate(context(), status_of_current_exception()));
  }
}

/// Runs `function()` and returns its failure: the one bridge from code that throws, as LibTorch's
/// does, to code that returns Status. `function` may return Status or nothing.
template <typename Function>
absl::Status catch_exceptions(Function&& function) {
  try {
    if constexpr (std::is_void_v<decltype(function())>) {
      function();
      return absl::OkStatus();
    } else {
      return function();
    }
  } catch (...) {
    return status_of_current_exception();
  }
}

/// A new T, or the failure of its constructor: for the `create` of an item whose constructor checks
/// its arguments.
template <typename T, typename... Arguments>
absl::StatusOr<std::unique_ptr<T>> try_make(Arguments&&... arguments) {
  try {
    return std::make_unique<T>(std::forward<Arguments>(arguments)...);
  } catch (...) {
    return status_of_current_exception();
  }
}

}  // namespace composer
