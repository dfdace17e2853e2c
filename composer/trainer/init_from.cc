#include "composer/trainer/init_from.h"

#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "composer/base/logging.h"
#include "composer/base/status.h"
#include "composer/base/suggest.h"
#include "composer/checkpoint/checkpoint_reader.h"
#include "composer/checkpoint/weights.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<NamedTensors> read(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) {
    const std::string near = path.empty() ? "" : nearest_path(path);
    return absl::NotFoundError(absl::StrCat(
        "\"", path,
        "\" does not exist; expected a .safetensors file, an .index.json of split ones "
        "or a folder with either",
        near.empty() ? "" : absl::StrCat("; did you mean \"", near, "\"?")));
  }
  if (fs::exists(fs::path(path) / kManifestName, error)) {
    COMPOSER_RETURN_IF_ERROR(verify_checkpoint(path).status());
  }
  return read_module_weights(path);
}

absl::StatusOr<NameMapOptions> name_options(const config::InitFrom& config) {
  NameMapOptions options = {.only = {config.only().begin(), config.only().end()},
                            .skip = {config.skip().begin(), config.skip().end()}};
  for (const config::Rename& rule : config.rename()) {
    if (rule.pattern().empty()) {
      return field_error(absl::StrCat("rename[", options.rename.size(), "].pattern"),
                         "is empty, which matches before every letter; \"^\" matches once, before "
                         "the first");
    }
    options.rename.push_back({rule.pattern(), rule.replacement()});
  }
  return options;
}

// ": a, b, c, ..."
std::string some_of(const std::vector<std::string>& names) {
  constexpr size_t kShown = 5;
  if (names.empty()) return "";
  return absl::StrCat(": ", absl::StrJoin(absl::MakeSpan(names).subspan(0, kShown), ", "),
                      names.size() > kShown ? ", ..." : "");
}

}  // namespace

absl::Status init_from(torch::nn::Module& model, const config::InitFrom& config) {
  const std::string& path = config.path();
  COMPOSER_ASSIGN_OR_RETURN(const NameMapOptions names, name_options(config));
  const absl::StatusOr<NamedTensors> tensors = read(path);
  if (!tensors.ok()) return in_field("path", tensors.status());
  const auto report = load_weights(model, *tensors, {.names = names, .strict = config.strict()});
  if (!report.ok()) {
    if (!field_of(report.status()).empty()) return annotate(path, report.status());
    return field_error(
        "path", absl::StrCat(path, ": ", report.status().message(),
                             "\n`rename` changes names, `skip` leaves some out; with strict: false "
                             "names that are missing or unexpected are no error"));
  }
  const size_t loaded = tensors->size() - report->left_out.size() - report->unexpected.size();
  if (loaded == 0) {
    return field_error("path", absl::StrCat(path, ": of its ", tensors->size(),
                                            " tensors none is the model's", report->text()));
  }
  if (!report->fits()) {
    LOG(WARNING) << "init_from: " << path << " does not quite fit the model" << report->text();
  }
  std::vector<std::string> passed_over = report->left_out;
  passed_over.insert(passed_over.end(), report->unexpected.begin(), report->unexpected.end());
  std::vector<std::string> kept = report->kept;
  kept.insert(kept.end(), report->missing.begin(), report->missing.end());
  LOG(INFO) << "init_from: " << loaded << " of " << tensors->size() << " tensors of " << path
            << " are loaded; left out " << passed_over.size() << some_of(passed_over) << "; "
            << kept.size() << " of the model keep their initial values" << some_of(kept);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> init_from_names(const config::InitFrom& config) {
  COMPOSER_ASSIGN_OR_RETURN(const NameMapOptions options, name_options(config));
  COMPOSER_ASSIGN_OR_RETURN(const NameMap map, NameMap::create(options));
  COMPOSER_ASSIGN_OR_RETURN(const NamedTensors tensors, read_module_weights(config.path()));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : tensors) names.push_back(name);
  COMPOSER_ASSIGN_OR_RETURN(const auto renamed, map.apply(names));
  std::vector<std::string> taken;
  for (const std::optional<std::string>& name : renamed) {
    if (name) taken.push_back(*name);
  }
  return taken;
}

}  // namespace composer
