#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "composer/data/sources/token_windows.h"

namespace composer {

namespace config {
class BibleKjv;
}

/// The King James Bible, which Debian's package bible-kjv brings, a token for each byte: ASCII.
/// Each of its 31,102 verses is a line, without its number, and an empty line follows each of its
/// 1,189 chapters:
///
///     In the beginning God created the heaven and the earth.
///     And the earth was without form, and void; and darkness ...
///
/// The chapters whose place among all, from 1, is a multiple of ten are the TEST split (118), the
/// others, in order, the TRAIN split. Read from what the program prints, in about 0.1 s.
class BibleKjv final : public TokenWindows {
 public:
  using Config = config::BibleKjv;

  /// Errors are about the field "program", for one that is missing, fails, or prints anything but
  /// that many verses and chapters; and "windows...".
  static absl::StatusOr<std::shared_ptr<BibleKjv>> create(const Config& config);

 private:
  BibleKjv(std::string text, const WindowPlan& plan, std::string name);

  void copy_tokens(int64_t begin, int64_t count, int64_t* out) const override;

  const std::string text_;
};

}  // namespace composer
