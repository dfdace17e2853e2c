#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/substitute.h"
#include "composer/cli/catalogue.h"
#include "composer/cli/commands.h"
#include "composer/cli/conflicts.h"
#include "composer/cli/example_message.h"
#include "composer/cli/exit_codes.h"
#include "composer/cli/plugin_arguments.h"
#include "composer/config/schema_docs.h"
#include "composer/core/registries.h"

namespace composer {
namespace {

struct DescribeArguments {
  std::string name;
  PluginArguments plugins;
};

void print_indented(absl::string_view indent, absl::string_view text) {
  if (text.empty()) return;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::PrintF("%s%s\n", indent, line);
  }
}

void print_fields(const google::protobuf::Descriptor* type, const std::string& indent) {
  for (const FieldDoc& field : describe_message(type).fields) {
    std::vector<std::string> facts = {field.type};
    facts.insert(facts.end(), field.checks.begin(), field.checks.end());
    if (!field.default_value.empty()) facts.push_back("default " + field.default_value);
    absl::PrintF("%s%s: %s\n", indent, field.name, absl::StrJoin(facts, ", "));
    print_indented(indent + "    ", field.comment);
    for (const ValueDoc& value : field.values) {
      print_indented(indent + "    ",
                     absl::StrCat(value.name, value.comment.empty() ? "" : ": ", value.comment));
    }
    // A choice of items is described item by item.
    const auto* part = type->FindFieldByName(field.name)->message_type();
    if (part != nullptr && part->oneof_decl_count() == 0) print_fields(part, indent + "    ");
  }
}

void print_traits(const CatalogueItem& item) {
  const auto registered = Registry<Algorithm>::global().find(item.config->full_name());
  if (!registered.ok()) return;  // of another kind
  const auto algorithm = (*registered)->create(*example_message(item.config));
  if (!algorithm.ok()) return;  // it wants more than an example has
  const AlgorithmTraits traits = (*algorithm)->traits();
  absl::PrintF("\nevents: %s\n",
               absl::StrJoin(traits.events, ", ", [](std::string* out, Event event) {
                 absl::StrAppend(out, event_name(event));
               }));
  if (std::find(traits.events.begin(), traits.events.end(), Event::kInit) != traits.events.end()) {
    absl::PrintF("changes the model\n");
  }
  if (traits.needs_per_sample_loss) absl::PrintF("needs a model with per-sample losses\n");
  for (const auto& [setting, others] : conflicts_of(item)) {
    absl::PrintF("%snot with %s\n", setting.empty() ? "" : absl::StrCat("with ", setting, ", "),
                 absl::StrJoin(others, ", "));
  }
  if (!traits.paper.empty()) absl::PrintF("paper: %s\n", traits.paper);
}

int describe(const DescribeArguments& arguments) {
  const auto fail = [](const absl::Status& status) {
    absl::FPrintF(stderr, "composer describe: %s\n", status.message());
    return kExitUsage;
  };
  if (const absl::Status status = load_plugins(arguments.plugins); !status.ok()) {
    return fail(status);
  }
  const absl::StatusOr<CatalogueItem> item = find_item(arguments.name);
  if (!item.ok()) return fail(item.status());

  absl::PrintF("%s (%s, %s)\n", item->name, item->kind->name, item->config->full_name());
  print_indented("  ", describe_message(item->config).comment);
  if (item->config->field_count() > 0) {
    absl::PrintF("\nfields\n");
    print_fields(item->config, "  ");
  }
  print_traits(*item);
  const bool built_in = item->name != item->config->full_name();
  const std::string usage =
      built_in ? absl::StrCat(item->name, " {}")
               : absl::StrCat("plugin { [type.googleapis.com/", item->name, "] {} }");
  absl::PrintF("\nin a config: %s\n", absl::Substitute(item->kind->usage, usage));
  return kExitOk;
}

}  // namespace

void add_describe(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<DescribeArguments>();
  CLI::App* command = app.add_subcommand(
      "describe", "Prints the fields, defaults, events and paper of what a config can choose");
  command->add_option("name", arguments->name, "Such as label_smoothing, sgd or MLPEncoder")
      ->required();
  add_plugin_option(*command, arguments->plugins);
  command->callback([arguments, &exit_code] { exit_code = describe(*arguments); });
}

}  // namespace composer
