#pragma once

#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "composer/base/time.h"

namespace composer {

/// What the fields of a template stand for.
struct NameValues {
  std::string run_name;
  Timestamp time;
  /// {timestamp}, in `zone`.
  absl::Time now;
  absl::TimeZone zone = absl::UTCTimeZone();
  int rank = 0;
  int local_rank = 0;
  int node_rank = 0;
  int world_size = 1;
  int local_world_size = 1;
};

/// The name of a checkpoint's folder with fields in braces, as Composer's: "ep{epoch}-ba{batch}".
///
///   {run_name}
///   {iteration} {epoch} {batch} {batch_in_epoch} {sample} {sample_in_epoch} {token}
///   {token_in_epoch} {rank} {local_rank} {node_rank} {world_size} {local_world_size} {total_wct}
///   {epoch_wct} {batch_wct}   whole seconds {timestamp}                           20261121-120405
///
/// Numbers take a width, with zeros in front: {batch:06} (also {batch:06d}). {timestamp} takes a
/// format of absl::FormatTime: {timestamp:%Y-%m-%d}. Two braces stand for one. Unlike Composer's,
/// an unknown field is an error and not text.
class NameTemplate {
 public:
  /// InvalidArgument names the field and those there are.
  static absl::StatusOr<NameTemplate> parse(absl::string_view text);

  /// InvalidArgument when no folder may have the name that comes out.
  absl::StatusOr<std::string> expand(const NameValues& values) const;

 private:
  struct Field {
    // In the table of fields.
    size_t index;
    std::string format;
  };
  using Part = std::variant<std::string, Field>;

  static absl::StatusOr<Field> parse_field(absl::string_view text);

  std::vector<Part> parts_;
};

}  // namespace composer
