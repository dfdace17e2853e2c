#include "composer/base/status.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"

namespace composer {
namespace {

constexpr char kFieldPayload[] = "composer/config-field";
constexpr char kDivergedPayload[] = "composer/diverged";

void set_field(absl::Status& status, absl::string_view path) {
  status.SetPayload(kFieldPayload, absl::Cord(path));
}

}  // namespace

absl::Status field_error(absl::string_view path, absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  set_field(status, path);
  return status;
}

absl::Status in_field(absl::string_view prefix, absl::Status status) {
  if (status.ok()) return status;
  const std::string path = field_of(status);
  const bool indexed = absl::StartsWith(path, "[");
  set_field(status, path.empty()
                        ? std::string(prefix)
                        : absl::StrCat(prefix, indexed || prefix.empty() ? "" : ".", path));
  return status;
}

std::string field_of(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kFieldPayload);
  return payload ? std::string(*payload) : std::string();
}

absl::Status annotate(absl::string_view context, const absl::Status& status) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    annotated.SetPayload(url, payload);
  });
  return annotated;
}

absl::Status diverged_error(absl::string_view message) {
  absl::Status status = absl::OutOfRangeError(message);
  status.SetPayload(kDivergedPayload, absl::Cord());
  return status;
}

bool is_diverged(const absl::Status& status) {
  return status.GetPayload(kDivergedPayload).has_value();
}

}  // namespace composer
