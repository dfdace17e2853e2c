#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace composer {

/// Reads a whole file into `buffer`, which grows where it must and is never made smaller, and gives
/// the part of it that holds the file.
///
/// A signal ends the read with an error (Unavailable), so that a thread that hangs in it can be
/// stopped. What is no regular file is refused unread, as is one of more than `limit` bytes. Errors
/// name the file.
absl::StatusOr<absl::Span<const uint8_t>> read_file_bytes(const std::string& path, int64_t limit,
                                                          std::vector<uint8_t>& buffer);

}  // namespace composer
