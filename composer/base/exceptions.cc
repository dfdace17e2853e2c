#include "composer/base/exceptions.h"

#include <c10/util/Exception.h>

#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "composer/base/logging.h"

namespace composer {
namespace {

absl::StatusCode code_of(const c10::Error& error) {
  const auto is = [&](auto* type) { return dynamic_cast<decltype(type)>(&error) != nullptr; };
  if (is(static_cast<const c10::OutOfMemoryError*>(nullptr))) {
    return absl::StatusCode::kResourceExhausted;
  }
  if (is(static_cast<const c10::ValueError*>(nullptr)) ||
      is(static_cast<const c10::IndexError*>(nullptr)) ||
      is(static_cast<const c10::TypeError*>(nullptr))) {
    return absl::StatusCode::kInvalidArgument;
  }
  if (is(static_cast<const c10::NotImplementedError*>(nullptr))) {
    return absl::StatusCode::kUnimplemented;
  }
  if (is(static_cast<const c10::DistError*>(nullptr))) return absl::StatusCode::kUnavailable;
  // ATen's own CPU allocator throws a plain Error.
  if (absl::StrContains(error.what_without_backtrace(), "DefaultCPUAllocator: can't allocate")) {
    return absl::StatusCode::kResourceExhausted;
  }
  return absl::StatusCode::kInternal;
}

// ATen's own words name a Python function that would allow the operation.
absl::Status refused_as_not_deterministic(absl::string_view operation) {
  return absl::UnimplementedError(absl::StrCat(
      operation, " has no deterministic implementation, and the run is to be deterministic; ",
      "`deterministic: false` allows it"));
}

}  // namespace

void throw_if_error(const absl::Status& status) {
  if (!status.ok()) throw StatusError(status);
}

absl::Status status_of_current_exception() {
  try {
    throw;
  } catch (const StatusError& error) {
    return error.status();
  } catch (const c10::Error& error) {
    VLOG(1) << error.what();
    const absl::string_view message = error.what_without_backtrace();
    const size_t refused = message.find(" does not have a deterministic implementation");
    if (refused != message.npos) return refused_as_not_deterministic(message.substr(0, refused));
    return absl::Status(code_of(error), error.what_without_backtrace());
  } catch (const std::bad_alloc& error) {
    return absl::ResourceExhaustedError("out of memory on the host");
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  } catch (...) {
    return absl::InternalError("an exception that is not a std::exception");
  }
}

}  // namespace composer
