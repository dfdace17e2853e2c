#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "composer/data/formats/page_memory.h"

namespace composer {

/// Decompresses zstd frames that must come to exactly `size` bytes. Memory is taken as it is
/// written: neither `size` nor the sizes in the frames are believed. DataLoss otherwise; `name` is
/// the file's in messages.
absl::StatusOr<PageMemory> decompress_zstd(absl::Span<const uint8_t> compressed, size_t size,
                                           absl::string_view name);

}  // namespace composer
