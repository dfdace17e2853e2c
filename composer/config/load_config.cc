#include "composer/config/load_config.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/config/binder.h"
#include "composer/config/config_file.h"
#include "composer/config/diagnostics.h"
#include "composer/config/merge.h"
#include "composer/config/normalise.h"
#include "composer/config/overrides.h"
#include "composer/config/textproto_reader.h"
#include "composer/config/yaml_reader.h"

namespace composer {
namespace {

namespace fs = std::filesystem;

// Files that include one another may stand for exponentially many.
constexpr int kMostFiles = 100;

struct Include {
  std::string path;
  Location location;
};

class Loader {
 public:
  explicit Loader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  // The file with what it includes, normalised; incomplete when it could not be read.
  Value load(const std::string& path, const Location* included_at) {
    const auto source = std::make_shared<Source>();
    source->name = path;
    source->order = order_++;
    const Location whole = {source, 0, 0};
    Value nothing = make_map(whole);
    nothing.incomplete = true;
    const auto fail = [&](absl::string_view message) {
      if (included_at != nullptr) {
        diagnostics_.add(*included_at, "include", absl::StrCat("\"", path, "\": ", message));
      } else {
        diagnostics_.add(whole, "", message);
      }
      return nothing;
    };
    if (order_ > kMostFiles) return fail(absl::StrCat("more than ", kMostFiles, " files"));
    // A folder has no format, but is better called a folder.
    const absl::StatusOr<std::string> text = read_config_text(path);
    const absl::StatusOr<ConfigFormat> format = format_of(path);
    if (!format.ok() && text.ok()) return fail(format.status().message());
    if (!text.ok()) return fail(text.status().message());
    source->format = *format;

    Value tree = *format == ConfigFormat::kTextproto ? read_textproto(*text, source, diagnostics_)
                                                     : read_yaml(*text, source, diagnostics_);
    const std::vector<Include> includes = take_includes(tree);
    const auto* type = config::Run::descriptor();
    Value merged = make_map(whole);
    open_.push_back(path);
    for (const Include& include : includes) merge(type, load_include(path, include), merged);
    open_.pop_back();
    merge(type, normalise(type, std::move(tree), "", diagnostics_), merged);
    return merged;
  }

  int order() const { return order_; }

 private:
  Value load_include(const std::string& from, const Include& include) {
    const fs::path path = (fs::path(from).parent_path() / include.path).lexically_normal();
    for (size_t i = 0; i < open_.size(); ++i) {
      std::error_code error;
      if (!fs::equivalent(open_[i], path, error)) continue;
      std::string cycle;
      for (size_t k = i; k < open_.size(); ++k) absl::StrAppend(&cycle, open_[k], " -> ");
      diagnostics_.add(include.location, "include",
                       absl::StrCat("files include one another: ", cycle, path.string()));
      Value nothing = make_map(include.location);
      nothing.incomplete = true;
      return nothing;
    }
    return load(path.string(), &include.location);
  }

  // Removes the pseudo field `include` from a file's tree.
  std::vector<Include> take_includes(Value& tree) {
    std::vector<Include> includes;
    const auto take = [&](const Value& value) {
      const bool name =
          value.kind == Value::Kind::kScalar && (value.scalar_kind == Value::ScalarKind::kString ||
                                                 (value.scalar_kind == Value::ScalarKind::kWord &&
                                                  value.format() == ConfigFormat::kYaml));
      if (name && !value.text.empty()) {
        includes.push_back({value.text, value.location});
      } else {
        diagnostics_.add(value.location, "include",
                         absl::StrCat("expected the name of a file, found ", value.describe()));
        tree.incomplete = true;
      }
    };
    for (const ValueEntry& entry : tree.entries) {
      if (entry.key != "include") continue;
      if (entry.value.kind != Value::Kind::kList) take(entry.value);
      for (const Value& item : entry.value.items) take(item);
    }
    tree.erase("include");
    return includes;
  }

  Diagnostics& diagnostics_;
  std::vector<std::string> open_;
  int order_ = 0;
};

}  // namespace

absl::StatusOr<ResolvedConfig> load_config(const std::string& path,
                                           const std::vector<std::string>& overrides,
                                           const LoadOptions& options) {
  Diagnostics diagnostics;
  Loader loader(diagnostics);
  Value tree = loader.load(path, nullptr);
  for (size_t i = 0; i < overrides.size(); ++i) {
    const auto source = std::make_shared<const Source>(
        Source{ConfigFormat::kArgument, absl::StrCat("command line, argument ", i + 1),
               loader.order() + static_cast<int>(i), overrides[i]});
    apply_override(config::Run::descriptor(), source, tree, diagnostics);
  }
  ResolvedConfig resolved;
  bind(tree, CheckOptions{options.check_paths}, resolved.run, resolved.origins, diagnostics);
  if (!diagnostics.empty()) return diagnostics.to_status();
  return resolved;
}

absl::Status located(const ResolvedConfig& config, const absl::Status& status) {
  const std::string path = field_of(status);
  if (status.ok() || path.empty()) return status;
  const Location* location = nullptr;
  for (std::string around = path; location == nullptr && !around.empty();) {
    location = config.origins.find(around);
    const size_t end = around.find_last_of(".[");
    around.resize(end == std::string::npos ? 0 : end);
  }
  return absl::Status(status.code(), format_diagnostic(location == nullptr ? Location() : *location,
                                                       path, status.message()));
}

}  // namespace composer
