#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace composer {

/// The bytes of the object that the shared library at `path` exports as `symbol`, read from the
/// file: nothing of the library is loaded and none of its code runs. For constant data without
/// pointers. Nothing when there is no such symbol.
///
/// NotFound when the file cannot be read; InvalidArgument when it is not a complete 64-bit ELF
/// shared library for this kind of processor.
absl::StatusOr<std::optional<std::string>> read_exported_object(const std::string& path,
                                                                const std::string& symbol);

}  // namespace composer
