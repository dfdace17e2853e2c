#include "composer/cli/resume_command.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace composer {

std::string shell_quoted(absl::string_view text) {
  constexpr absl::string_view kPlain = "_@%+=:,./-";
  const bool plain = std::all_of(text.begin(), text.end(), [&](char c) {
    return absl::ascii_isalnum(c) || kPlain.find(c) != absl::string_view::npos;
  });
  if (plain && !text.empty()) return std::string(text);
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string resume_command(const ConfigArguments& arguments, const std::string& run_dir) {
  std::string command = absl::StrCat("composer train ", shell_quoted(arguments.config), " ",
                                     shell_quoted(absl::StrCat("--resume=", run_dir)));
  for (const std::string& file : arguments.plugins.files) {
    absl::StrAppend(&command, " --plugin ", shell_quoted(file));
  }
  for (const std::string& override_text : arguments.overrides) {
    absl::StrAppend(&command, " ", shell_quoted(override_text));
  }
  return command;
}

}  // namespace composer
