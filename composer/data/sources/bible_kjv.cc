#include "composer/data/sources/bible_kjv.h"

#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "composer/base/status.h"
#include "composer/data/formats/program_output.h"
#include "composer/data/registry.h"
#include "composer/data/sources/source_files.h"
#include "proto/dataset.pb.h"

namespace composer {
namespace {

constexpr int64_t kVerses = 31102;
constexpr int64_t kChapters = 1189;
constexpr int64_t kTestEvery = 10;
// Of 4.4 MB that are expected.
constexpr size_t kLongestOutput = size_t{16} << 20;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The end of the chapter's name at a line's start, "1Sam3" in "1Sam3:16 Then Eli ..."; 0 when the
// line has another form.
size_t chapter_end(absl::string_view line) {
  const size_t colon = line.find(':');
  const size_t space = line.find(' ');
  if (colon == absl::string_view::npos || space == absl::string_view::npos || colon == 0 ||
      space < colon + 2) {
    return 0;
  }
  if (!is_digit(line[colon - 1])) return 0;
  for (size_t i = colon + 1; i < space; ++i) {
    if (!is_digit(line[i])) return 0;
  }
  return colon;
}

// The split's text out of what the program prints: a verse a line, after its place and a space.
absl::StatusOr<std::string> text_of(absl::string_view printed, bool test) {
  std::string text;
  text.reserve(printed.size());
  std::string chapter;
  int64_t verses = 0, chapters = 0;
  const auto in_split = [&] { return (chapters % kTestEvery == 0) == test; };
  while (!printed.empty()) {
    const size_t size = printed.find('\n');
    if (size == absl::string_view::npos) {
      return absl::DataLossError("the last line that it printed is not complete");
    }
    const absl::string_view line = printed.substr(0, size);
    printed.remove_prefix(size + 1);
    const size_t end = chapter_end(line);
    if (end == 0) {
      return absl::DataLossError(
          absl::StrCat("expected a verse as \"Ge1:1 In the beginning ...\" on line ", verses + 1,
                       " of what it prints, found ", quote_found(line)));
    }
    if (line.substr(0, end) != chapter) {
      if (chapters > 0 && in_split()) text.push_back('\n');
      chapter = std::string(line.substr(0, end));
      ++chapters;
    }
    ++verses;
    if (in_split()) absl::StrAppend(&text, line.substr(line.find(' ') + 1), "\n");
  }
  if (in_split()) text.push_back('\n');
  if (verses != kVerses || chapters != kChapters) {
    return absl::DataLossError(absl::StrCat("expected ", kVerses, " verses in ", kChapters,
                                            " chapters, found ", verses, " in ", chapters));
  }
  return text;
}

absl::StatusOr<std::string> read(const config::BibleKjv& config) {
  absl::StatusOr<std::string> printed =
      program_output({config.program(), "-f", "gen1:1-rev22:21"}, kLongestOutput);
  if (!printed.ok()) {
    const std::string hint =
        absl::IsNotFound(printed.status())
            ? "; Debian's package bible-kjv brings it: apt-get install bible-kjv"
            : "";
    return field_error("program", absl::StrCat(printed.status().message(), hint));
  }
  absl::StatusOr<std::string> text = text_of(*printed, config.split() == config::TEST);
  if (!text.ok()) {
    return field_error("program", absl::StrCat(config.program(), ": ", text.status().message()));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::shared_ptr<BibleKjv>> BibleKjv::create(const Config& config) {
  COMPOSER_ASSIGN_OR_RETURN(std::string text, read(config));
  const char* const name =
      config.split() == config::TRAIN ? "bible_kjv (train)" : "bible_kjv (test)";
  const absl::StatusOr<WindowPlan> plan =
      WindowPlan::create(config.windows(), static_cast<int64_t>(text.size()), name);
  if (!plan.ok()) return in_field("windows", plan.status());
  return std::shared_ptr<BibleKjv>(new BibleKjv(std::move(text), *plan, name));
}

BibleKjv::BibleKjv(std::string text, const WindowPlan& plan, std::string name)
    : TokenWindows(plan, std::move(name)), text_(std::move(text)) {}

void BibleKjv::copy_tokens(int64_t begin, int64_t count, int64_t* out) const {
  for (int64_t i = 0; i < count; ++i) out[i] = static_cast<uint8_t>(text_[begin + i]);
}

COMPOSER_REGISTER(Dataset, BibleKjv);

}  // namespace composer
