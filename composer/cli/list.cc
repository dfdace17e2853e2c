#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "composer/base/suggest.h"
#include "composer/cli/catalogue.h"
#include "composer/cli/commands.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/plugin_arguments.h"
#include "composer/config/schema_docs.h"

namespace composer {
namespace {

struct ListArguments {
  std::string kind;
  PluginArguments plugins;
};

std::string first_sentence(absl::string_view comment) {
  // Not the "." of an abbreviation or of "arXiv:1512.00567".
  const size_t end = comment.find(". ");
  return std::string(comment.substr(0, end == absl::string_view::npos ? end : end + 1));
}

void print_kind(const CatalogueKind& kind, absl::string_view indent) {
  const std::vector<CatalogueItem> items = catalogue_items(kind);
  int width = 0;
  for (const CatalogueItem& item : items) width = std::max<int>(width, item.name.size());
  for (const CatalogueItem& item : items) {
    const std::string comment = first_sentence(describe_message(item.config).comment);
    absl::PrintF("%s%-*s%s%s\n", indent, comment.empty() ? 0 : width, item.name,
                 comment.empty() ? "" : "  ", comment);
  }
}

int list(const ListArguments& arguments) {
  if (const absl::Status status = load_plugins(arguments.plugins); !status.ok()) {
    absl::FPrintF(stderr, "composer list: %s\n", status.message());
    return kExitUsage;
  }
  std::vector<std::string> plurals;
  for (const CatalogueKind& kind : catalogue_kinds()) {
    if (arguments.kind == kind.plural || arguments.kind == kind.name) {
      print_kind(kind, "");
      return kExitOk;
    }
    plurals.push_back(kind.plural);
  }
  if (!arguments.kind.empty()) {
    absl::FPrintF(stderr, "composer list: \"%s\" is no kind; %s\n", arguments.kind,
                  suggestion(arguments.kind, plurals));
    return kExitUsage;
  }
  for (const CatalogueKind& kind : catalogue_kinds()) {
    absl::PrintF("%s%s\n", &kind == &catalogue_kinds().front() ? "" : "\n", kind.plural);
    print_kind(kind, "  ");
  }
  return kExitOk;
}

}  // namespace

void add_list(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<ListArguments>();
  CLI::App* command = app.add_subcommand("list", "Prints what a config can choose");
  command->add_option("kind", arguments->kind,
                      "algorithms, models, datasets, optimizers, schedulers, callbacks or loggers");
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = list(*arguments); });
}

}  // namespace composer
