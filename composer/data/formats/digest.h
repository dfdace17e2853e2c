#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace composer {

/// The digest of `bytes` in hexadecimal, as Python's hashlib and xxhash write it. Algorithms: md5,
/// sha1, sha224 to sha512, sha3_224 to sha3_512, blake2b, blake2s, xxh32, xxh64, xxh3_64, xxh128
/// (or xxh3_128). Unimplemented for others.
absl::StatusOr<std::string> digest(absl::string_view algorithm, absl::Span<const uint8_t> bytes);

}  // namespace composer
