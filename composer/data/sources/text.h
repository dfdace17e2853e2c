#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/data/formats/token_files.h"
#include "composer/data/sources/token_windows.h"

namespace composer {

namespace config {
class Text;
}

/// Text files, one after the other, a token for each byte as it stands: 0 to 255. Nothing is put
/// between the files. They are mapped, not read.
class Text final : public TokenWindows {
 public:
  using Config = config::Text;

  /// Errors are about the fields "files" and "windows...".
  static absl::StatusOr<std::shared_ptr<Text>> create(const Config& config);

 private:
  Text(TokenFiles files, const WindowPlan& plan, std::string name);

  void copy_tokens(int64_t begin, int64_t count, int64_t* out) const override;

  const TokenFiles files_;
};

}  // namespace composer
