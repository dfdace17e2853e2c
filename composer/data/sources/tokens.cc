#include "composer/data/sources/tokens.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "composer/base/exceptions.h"
#include "composer/base/status.h"
#include "composer/data/registry.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {

absl::StatusOr<std::shared_ptr<Tokens>> Tokens::create(const Config& config) {
  std::optional<int64_t> vocabulary_size;
  if (config.has_vocabulary_size()) {
    vocabulary_size = config.vocabulary_size();
    if (*vocabulary_size < 1) {
      return field_error("vocabulary_size", absl::StrCat("vocabulary_size is ", *vocabulary_size,
                                                         "; it must be at least 1"));
    }
  }
  COMPOSER_ASSIGN_OR_RETURN(const std::vector<std::string> paths, files_of(config.files()));
  const int bytes_per_token = config.type() == config::Tokens::UINT16 ? 2 : 4;
  absl::StatusOr<TokenFiles> files = TokenFiles::open(paths, bytes_per_token, vocabulary_size);
  if (!files.ok()) return field_error("files", files.status().message());
  std::string name = name_with_files("tokens", paths);
  const absl::StatusOr<WindowPlan> plan = WindowPlan::create(config.windows(), files->size(), name);
  if (!plan.ok()) return in_field("windows", plan.status());
  return std::shared_ptr<Tokens>(new Tokens(*std::move(files), *plan, std::move(name)));
}

Tokens::Tokens(TokenFiles files, const WindowPlan& plan, std::string name)
    : TokenWindows(plan, std::move(name)), files_(std::move(files)) {}

void Tokens::copy_tokens(int64_t begin, int64_t count, int64_t* out) const {
  throw_if_error(files_.copy(begin, count, out));
}

COMPOSER_REGISTER(Dataset, Tokens);

}  // namespace composer
