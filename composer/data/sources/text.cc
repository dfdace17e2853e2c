#include "composer/data/sources/text.h"

#include <utility>
#include <vector>

#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<Text>> Text::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, files_of(config.files()));
  absl::StatusOr<TokenFiles> files = TokenFiles::open(paths, /*bytes_per_token=*/1);
  if (!files.ok()) return field_error("files", files.status().message());
  std::string name = name_with_files("text", paths);
  const absl::StatusOr<WindowPlan> plan = WindowPlan::create(config.windows(), files->size(), name);
  if (!plan.ok()) return in_field("windows", plan.status());
  return std::shared_ptr<Text>(new Text(*std::move(files), *plan, std::move(name)));
}

Text::Text(TokenFiles files, const WindowPlan& plan, std::string name)
    : TokenWindows(plan, std::move(name)), files_(std::move(files)) {}

void Text::copy_tokens(int64_t begin, int64_t count, int64_t* out) const {
  throw_if_error(files_.copy(begin, count, out));
}

COMPOSER_REGISTER(Dataset, Text);

}  // namespace composer
