#include "composer/data/formats/zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"

namespace composer {

absl::StatusOr<PageMemory> decompress_zstd(absl::Span<const uint8_t> compressed, size_t size,
                                           absl::string_view name) {
  absl::StatusOr<PageMemory> memory = PageMemory::reserve(size);
  if (!memory.ok()) return annotate(name, memory.status());
  // In one go, where the output itself is the window: the streaming decoder would allocate as large
  // a window as a frame's header asks for.
  const absl::Span<uint8_t> out = memory->bytes();
  const size_t result =
      ZSTD_decompress(out.data(), out.size(), compressed.data(), compressed.size());
  if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) {
    return absl::DataLossError(
        absl::StrCat(name, ": expected ", size, " bytes when it is decompressed, found more"));
  }
  if (ZSTD_isError(result)) {
    return absl::DataLossError(absl::StrCat(name, ": expected sound zstd data, found damage (",
                                            ZSTD_getErrorName(result), ")"));
  }
  if (result != size) {
    return absl::DataLossError(
        absl::StrCat(name, ": expected ", size, " bytes when it is decompressed, found ", result));
  }
  return memory;
}

}  // namespace composer
